"""Pictures of prompts: read once, padded by the rule that was asked for, told apart by it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.engine.sequence import Picture
from lvlm_eval.models.moe_llava.fields import read_json
from lvlm_eval.models.moe_llava.pictures import PictureReader
from lvlm_eval.models.moe_llava.preprocess import Preprocess, Processor, read_processor
from lvlm_eval.schema import Decoding, Image, Prompt, Request


@pytest.fixture(params=["clip336", "siglip384"])
def tower(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def configured(golden: Path, tower: str) -> Processor:
    """The recorded tower's preprocessing, of a checkpoint that says `pad`."""
    file = golden / "preprocess" / tower / "preprocessor_config.json"
    return read_processor(read_json(file), "pad")


def recorded(golden: Path, tower: str) -> dict[tuple[str, str], str]:
    """Hashes of pixels by picture and image_aspect_ratio."""
    cases = json.loads((golden / "preprocess" / "expected.json").read_text())["cases"]
    return {
        (case["image"], case["image_aspect_ratio"]): case["sha256_float32"]
        for case in cases
        if case["processor"] == tower
    }


def hashes(pictures: list[Picture] | str) -> list[str]:
    assert not isinstance(pictures, str), pictures
    arrays = [picture.pixels.numpy().astype("<f4") for picture in pictures]
    return [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]


def oblong(golden: Path, tower: str) -> str:
    """A recorded picture that padding changes."""
    hash_of = recorded(golden, tower)
    return next(name for name, _ in hash_of if hash_of[name, "pad"] != hash_of[name, "square"])


@pytest.mark.parametrize(
    ("preprocess", "of_padded", "of_unpadded"),
    [
        ("auto", "pad", "pad"),
        ("original", "pad", "square"),
        ("pad", "pad", "pad"),
        ("square", "square", "square"),
    ],
)
def test_one_picture_asked_about_by_scripts_of_both_kinds_has_the_recorded_pixels(
    golden: Path, tower: str, preprocess: Preprocess, of_padded: str, of_unpadded: str
) -> None:
    name = oblong(golden, tower)
    image = Image(golden / "preprocess" / name)
    prompts = [Prompt.user(image, "Is it?"), Prompt.user(image, "What is it?", padded=False)]
    read = PictureReader(configured(golden, tower), preprocess).read(prompts)
    hash_of = recorded(golden, tower)
    expected = [hash_of[name, of_padded], hash_of[name, of_unpadded]]
    assert [found for pictures in read for found in hashes(pictures)] == expected
    keys = {p.key for pictures in read for p in pictures if isinstance(p, Picture)}
    assert len(keys) == len(set(expected))


def test_the_same_bytes_are_one_picture_and_prompts_without_any_have_none(golden: Path) -> None:
    path = golden / "phi" / "image.png"
    one, other = Image(data=path.read_bytes()), Image(data=path.read_bytes())
    reader = PictureReader(configured(golden, "clip336"))
    first, none, second = reader.read([Prompt.user(one), Prompt.user("?"), Prompt.user(other)])
    assert none == []
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert first[0].key == second[0].key
    assert first[0].pixels is second[0].pixels


def test_a_model_without_a_tower_says_so() -> None:
    (wrong,) = PictureReader(None).read([Prompt.user(Image(data=b"x"))])
    assert wrong == "UsageError: the model has no image tower, but the prompt has an image"


def test_options_are_described_and_change_answers(golden: Path) -> None:
    folder = str(golden / "phi")
    asked = Request("q", Prompt.user(Image(golden / "phi" / "image.png"), "What?", padded=False))
    texts, described = set(), []
    for options in ({}, {"preprocess": "original"}, {"select_feature": "cls_patch"}):
        model = moe_llava.load(folder, device="cpu", **options)  # type: ignore[arg-type]
        texts.add(next(model.generate(iter([asked]), Decoding(max_new_tokens=8))).text)
        described.append(model.describe())
    assert len(texts) == 3
    assert {"preprocess", "select_feature"} & set(described[0]) == set()
    assert described[1] == described[0] | {"preprocess": "original"}
    assert described[2] == described[0] | {"select_feature": "cls_patch"}
    vision = model.checkpoint.network_config(100).vision
    assert vision is not None
    assert vision.features == vision.positions == 17


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preprocess": "crop"}, "unknown preprocess 'crop'; there are auto, pad, square, orig"),
        ({"select_feature": "cls"}, "unknown select_feature 'cls'; there are auto, patch, cls_pa"),
    ],
)
def test_what_does_not_exist_is_refused(
    golden: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        moe_llava.load(str(golden / "phi"), **options)  # type: ignore[arg-type]


def test_a_processor_of_another_size_than_the_tower_is_an_error_before_any_weight_is_read(
    golden: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(golden / "phi", tmp_path / "phi")
    (file,) = folder.glob("towers/*/*/preprocessor_config.json")
    values = json.loads(file.read_text())
    file.write_text(json.dumps(values | {"size": {"shortest_edge": 224}, "crop_size": 224}))
    model = moe_llava.load(str(folder), device="cpu")
    asked = Request("q", Prompt.user(Image(folder / "image.png"), "What?"))
    with pytest.raises(CheckpointError, match=r"pictures of 224 x 224, but .* image_size 56"):
        list(model.generate(iter([asked]), Decoding()))
    assert "engine" not in vars(model)
