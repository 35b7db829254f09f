"""There and back bit for bit, and transformers' own classes on what is written for them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.models.moe_llava.adapter import MoELlava, open_model
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.config_file import Layout
from lvlm_eval.models.moe_llava.conversion.convert import convert
from lvlm_eval.models.moe_llava.conversion.job import Job
from lvlm_eval.models.moe_llava.settings import choose_settings
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN
from lvlm_eval.models.moe_llava.stored import stored_tensors
from lvlm_eval.models.moe_llava.weights import weight_files
from lvlm_eval.schema import JSON, Image, Prompt

from .. import tiny_llava

GOLDEN = Path(__file__).parents[3] / "data" / "golden" / "moe_llava"
TOKENS = 412  # of the recorded phi's tokenizer; its embedding has 512 rows
WHOLE = 1 << 40


def run(source: Path, target: Path, to: Layout, max_bytes: int = WHOLE) -> Path:
    return convert(str(source), "", Job(target, to, None, max_bytes))


def tensors(folder: Path) -> dict[str, Tensor]:
    """All that a folder's files hold, whatever their format."""
    found: dict[str, Tensor] = {}
    for file in weight_files(folder):
        own = load_file(file) if file.suffix == ".safetensors" else torch.load(file)
        found |= own
    return found


def assert_equal(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert got.keys() == expected.keys()
    for key, tensor in expected.items():
        assert got[key].dtype == tensor.dtype, key
        assert torch.equal(got[key], tensor), key


def change(folder: Path, how: Callable[[dict[str, Tensor]], None], **config: JSON) -> Path:
    """The recorded dense phi with other tensors and settings."""
    shutil.copytree(GOLDEN / "phi_dense", folder)
    content = load_file(folder / "model.safetensors")
    how(content)
    save_file({key: value.contiguous() for key, value in content.items()}, folder / "x")
    (folder / "x").rename(folder / "model.safetensors")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | config))
    return folder


def no_spare_rows(content: dict[str, Tensor]) -> None:
    for key in ("model.embed_tokens.weight", "lm_head.weight"):
        content[key] = content[key][:TOKENS]


def files_of(folder: Path) -> dict[str, str]:
    """The small text files, JSON without its layout."""
    found = {}
    for file in sorted(folder.iterdir()):
        if file.suffix == ".json" and file.name != "golden.json" and "index" not in file.name:
            found[file.name] = json.dumps(json.loads(file.read_text()), sort_keys=True)
        elif file.suffix == ".txt":
            found[file.name] = file.read_text()
    return found


@pytest.mark.parametrize("spare", [True, False])
def test_the_original_comes_back_bit_for_bit_with_its_settings(spare: bool, tmp_path: Path) -> None:
    source = GOLDEN / "phi_dense"
    if not spare:
        source = change(tmp_path / "phi", no_spare_rows, vocab_size=TOKENS)
    there = run(source, tmp_path / "there", "transformers", max_bytes=60_000)
    assert len(weight_files(there)) > 1
    assert stored_rows(there, "language_model.lm_head.weight") == (512 if spare else TOKENS + 1)
    back = run(there, tmp_path / "back", "original")
    text = {key: value for key, value in tensors(source).items() if "_tower." not in key}
    assert_equal(tensors(back), text)
    assert files_of(back) == files_of(source)
    tower = Path("towers") / "openai" / "clip-vit-large-patch14-336"
    vision = {k: v for k, v in tensors(source / tower).items() if k.startswith("vision_model.")}
    assert_equal(tensors(back / tower), vision)


def stored_rows(folder: Path, key: str) -> int:
    return next(one.shape[0] for one in stored_tensors(weight_files(folder)) if one.key == key)


def test_transformers_comes_back_bit_for_bit(tmp_path: Path) -> None:
    source = tiny_llava.save(tiny_llava.make("phi", siglip=True, strategy="full"), tmp_path / "hf")
    add_files(source, siglip=True)
    there = run(source, tmp_path / "there", "original")
    values = json.loads((there / "config.json").read_text())
    assert values["model_type"] == "llava_phi"
    assert values["mm_image_tower"] == "google/siglip-of-hf"
    assert values["mm_vision_select_feature"] == "cls_patch"
    back = tensors(run(there, tmp_path / "back", "transformers"))
    assert_equal(
        {key.replace("vision_model.", ""): value for key, value in back.items()}, tensors(source)
    )


@pytest.mark.parametrize("text", ["llama", "mistral", "qwen2", "phi", "stablelm"])
def test_every_text_model_is_the_same_network_in_either_layout(text: str, tmp_path: Path) -> None:
    source = tiny_llava.save(tiny_llava.make(text), tmp_path / "hf")
    add_files(source)
    there = run(source, tmp_path / "there", "original")
    back = run(there, tmp_path / "back", "transformers")
    first, second, third = (open_checkpoint(str(folder)) for folder in (source, there, back))
    assert first.config.decoder == second.config.decoder == third.config.decoder
    expected = first.load(49, torch.float32).state_dict()
    for opened in (second, third):
        got = opened.load(49, torch.float32).state_dict()
        for name, tensor in got.items():
            assert torch.equal(tensor, expected[name][: len(tensor)]), name
    loaded = tiny_llava.load(back)
    with torch.no_grad():
        ids = torch.tensor([[3, 14, 15, 9, 2]])
        assert torch.equal(loaded(input_ids=ids).logits, tiny_llava.load(source)(ids).logits)


def add_files(folder: Path, *, siglip: bool = False) -> None:
    """A tokenizer of 48 bytes and a processor for the tiny model."""
    tokens = [*(chr(33 + n) for n in range(48)), "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    config = {"tokenizer_class": "CodeGenTokenizer", "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    kind = "Siglip" if siglip else "CLIP"
    processor = {
        "image_processor_type": f"{kind}ImageProcessor",
        "size": {"height": 12, "width": 12},
        "do_center_crop": False,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("convert")
    return run(GOLDEN / "phi_dense", folder / "phi", "transformers")


def test_transformers_loads_what_is_written_and_gives_our_logits(converted: Path) -> None:
    from transformers import LlavaForConditionalGeneration

    loaded, report = LlavaForConditionalGeneration.from_pretrained(
        converted, dtype=torch.float32, output_loading_info=True
    )
    assert not any(report.values()), report
    network = open_checkpoint(str(GOLDEN / "phi_dense")).load(TOKENS, torch.float32)
    assert network.vision is not None
    features, side = network.vision.config.features, network.vision.config.image_size
    pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    before, after = [5, 77, 300], [9, 41]
    with torch.no_grad():
        spliced = network.splice([torch.tensor([*before, IMAGE_TOKEN, *after])], pixels)
        own = network(spliced.embeds, spliced.valid).logits
        ids = torch.tensor([before + [TOKENS] * features + after])
        theirs = loaded.eval()(input_ids=ids, pixel_values=pixels).logits
    assert loaded.config.image_token_id == TOKENS
    assert (own - theirs[..., :TOKENS]).abs().max() < 2e-4


def test_transformers_processor_pads_pictures_and_places_them(converted: Path) -> None:
    from transformers import AutoProcessor

    own = open_model(str(GOLDEN / "phi_dense"), "", choose_settings("cpu", "auto", "argmax", 1))
    processor = AutoProcessor.from_pretrained(converted)
    assert type(processor).__name__ == "LlavaProcessor"
    picture = PIL.Image.open(GOLDEN / "phi" / "image.png").convert("RGB").crop((0, 0, 30, 17))
    out = processor(images=picture, text="a<image>\nb", return_tensors="pt")
    ids = out["input_ids"][0]
    assert (ids == TOKENS).sum() == 16
    assert ids[ids != TOKENS].tolist() == [*_encode(own, "a"), *_encode(own, "\nb")]
    assert own.checkpoint.config.inputs.aspect_ratio == "pad"
    loaded = open_model(str(converted), "", choose_settings("cpu", "auto", "argmax", 1))
    assert loaded.processor is not None
    pixels = loaded.processor.pixels(picture)
    assert own.processor is not None
    assert torch.equal(pixels, own.processor.pixels(picture))
    assert (out["pixel_values"][0] - pixels).abs().max() < 1e-6


def test_transformers_chat_template_gives_our_prompt(converted: Path) -> None:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(converted)
    parts = [{"type": "image"}, {"type": "text", "text": "What?"}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": parts}], add_generation_prompt=True
    )
    own = open_model(str(GOLDEN / "phi_dense"), "", choose_settings("cpu", "auto", "argmax", 1))
    assert text == "<image>".join(own.chat.pieces(Prompt.user(Image(data=b"x"), "What?")))


def _encode(model: MoELlava, text: str) -> list[int]:
    return model.chat.tokenizer.encode(text)


def test_our_logits_are_the_same_from_either_layout(converted: Path) -> None:
    first = open_checkpoint(str(GOLDEN / "phi_dense")).load(TOKENS, torch.float32).state_dict()
    second = open_checkpoint(str(converted)).load(TOKENS + 1, torch.float32).state_dict()
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name][: len(tensor)]), name


def test_rows_that_were_trained_since_are_kept(converted: Path, tmp_path: Path) -> None:
    source = change(tmp_path / "phi", no_spare_rows, vocab_size=TOKENS)
    there = run(source, tmp_path / "there", "transformers")
    content = load_file(there / "model.safetensors")
    content["language_model.lm_head.weight"][TOKENS] += 1
    save_file(content, there / "model.safetensors")
    back = run(there, tmp_path / "back", "original")
    assert stored_rows(back, "lm_head.weight") == TOKENS + 1
    assert json.loads((back / "config.json").read_text())["vocab_size"] == TOKENS + 1
    assert "<image>" in (back / "tokenizer_config.json").read_text()


def test_settings_that_changed_since_win_over_those_that_were_kept(
    converted: Path, tmp_path: Path
) -> None:
    there = Path(shutil.copytree(converted, tmp_path / "there"))
    values = json.loads((there / "config.json").read_text())
    values["vision_feature_select_strategy"] = "full"
    (there / "config.json").write_text(json.dumps(values))
    back = run(there, tmp_path / "back", "original")
    config = json.loads((back / "config.json").read_text())
    assert config["mm_vision_select_feature"] == "cls_patch"
    assert config["mm_image_tower"] == "openai/clip-vit-large-patch14-336"


def test_a_heads_bias_is_dropped_if_it_is_zero_and_an_error_else(
    converted: Path, tmp_path: Path
) -> None:
    there = Path(shutil.copytree(converted, tmp_path / "there"))
    content = load_file(there / "model.safetensors")
    content["language_model.lm_head.bias"] = torch.zeros(512)
    save_file(content, there / "model.safetensors")
    back = run(there, tmp_path / "back", "original")
    assert "lm_head.bias" not in tensors(back)
    content["language_model.lm_head.bias"][7] = 1
    save_file(content, there / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"lm_head\.bias' is not zero"):
        run(there, tmp_path / "again", "original")
    assert not (tmp_path / "again").exists()


def test_a_dtype_is_the_dtype_of_all_weights(tmp_path: Path) -> None:
    job = Job(tmp_path / "half", "transformers", torch.float16, WHOLE)
    folder = convert(str(GOLDEN / "phi_dense"), "", job)
    assert {tensor.dtype for tensor in tensors(folder).values()} == {torch.float16}
    assert json.loads((folder / "config.json").read_text())["torch_dtype"] == "float16"


@pytest.mark.parametrize(
    ("source", "to", "error", "message"),
    [
        ("phi", "transformers", CheckpointError, "has experts; transformers has no model"),
        ("phi_dense", "original", UsageError, "is in the original layout already"),
        ("none", "original", CheckpointError, "no such folder"),
    ],
)
def test_what_cannot_be_is_said_and_leaves_nothing(
    source: str, to: Layout, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        run(GOLDEN / source, tmp_path / "out", to)
    assert list(tmp_path.iterdir()) == []


def test_other_projectors_and_unknown_keys_are_refused(tmp_path: Path) -> None:
    def linear(content: dict[str, Tensor]) -> None:
        stem = "model.mm_projector.image_spatial_proj."
        for end in ("weight", "bias"):
            content[stem + end] = content.pop(f"{stem}0.{end}")
            del content[f"{stem}2.{end}"]

    source = change(tmp_path / "linear", linear, image_projector_type="linear")
    with pytest.raises(CheckpointError, match="this one has linear"):
        run(source, tmp_path / "out", "transformers")
    source = change(tmp_path / "odd", lambda content: content.update(x=torch.ones(2)))
    with pytest.raises(CheckpointError, match="'x', which is no part"):
        run(source, tmp_path / "out", "transformers")
    assert not (tmp_path / "out").exists()


def test_an_existing_target_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        run(GOLDEN / "phi_dense", tmp_path / "out", "transformers")
    assert list((tmp_path / "out").iterdir()) == []
