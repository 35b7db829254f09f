"""The adapter as a Model: answers, failures, laziness, settings."""

from __future__ import annotations

import inspect
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.chat import TEMPLATES
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN
from lvlm_eval.schema import Decoding, Image, Prompt, Request, Response


def ask(folder: Path, requests: list[Request], **options: str | int) -> dict[str, Response]:
    model = moe_llava.load(str(folder), device="cpu", **options)  # type: ignore[arg-type]
    answers = list(model.generate(iter(requests), Decoding(max_new_tokens=8)))
    assert len(answers) == len(requests)
    return {answer.question_id: answer for answer in answers}


def requests_for(folder: Path) -> list[Request]:
    """Questions of different lengths: one picture, another, both, none."""
    first, second = (Image(folder / name) for name in ("image.png", "image2.png"))
    return [
        Request("one", Prompt.user(first, "What is in this picture?")),
        Request("two", Prompt.user(second, "Describe the image in detail, please. Is it 12?")),
        Request("both", Prompt.user(first, second, "Compare.")),
        Request("none", Prompt.user("What is the meaning of the word?")),
        Request("again", Prompt.user(first, "What?")),
    ]


def test_answers_are_the_recorded_ones_alone_and_in_company(golden: Path) -> None:
    folder = golden / "phi"
    recorded = json.loads((folder / "golden.json").read_text())
    requests = requests_for(folder)
    together = ask(folder, requests)
    alone = ask(folder, list(reversed(requests)), batch=1)
    pairs = ask(folder, requests[1:] + requests[:1], batch=2)
    assert together == alone == pairs
    assert together == ask(folder, requests, reuse=False)
    assert together == ask(folder, requests, batch_tokens=60)
    model = moe_llava.load(str(folder), device="cpu")
    assert together["one"].text == model.chat.decode(recorded["generated_ids"][:8])
    assert together["two"].text == model.chat.decode(recorded["generated_ids_second_sample"])
    assert together["one"].new_tokens == 8
    assert together["one"].finish == "length"


def test_capacity_routing_drops_as_recorded_whoever_else_asks(golden: Path) -> None:
    folder = golden / "phi_drop"
    recorded = json.loads((folder / "golden.json").read_text())
    answers = ask(folder, requests_for(folder), routing="capacity")
    chat = moe_llava.load(str(folder), device="cpu").chat
    assert answers["one"].text == chat.decode(recorded["generated_ids"][:8])
    assert answers["two"].text == chat.decode(recorded["generated_ids_second_sample"])
    assert ask(folder, requests_for(folder))["one"].text != answers["one"].text


def test_sampled_second_experts_depend_on_their_seed_and_the_question_alone(golden: Path) -> None:
    folder = golden / "phi"
    requests = requests_for(folder)
    together = ask(folder, requests, routing="sampled", routing_seed=3)
    backwards = ask(folder, requests[::-1], routing="sampled", routing_seed=3, batch=2)
    assert together == backwards
    assert together != ask(folder, requests)
    assert together != ask(folder, requests, routing="sampled")
    model = moe_llava.load(str(folder), device="cpu", routing="sampled", routing_seed=3)
    reseeded = model.generate(iter(requests), Decoding(max_new_tokens=8, seed=9))
    assert together == {answer.question_id: answer for answer in reseeded}


def test_the_seed_of_sampled_routing_is_described_and_refused_elsewhere(golden: Path) -> None:
    folder = str(golden / "phi")
    sampled = moe_llava.load(folder, device="cpu", routing="sampled", routing_seed=3)
    assert sampled.describe()["routing_seed"] == "3"
    assert moe_llava.load(folder, routing="sampled").describe()["routing_seed"] == "0"
    with pytest.raises(UsageError, match="routing_seed=3 is read by routing=sampled alone"):
        moe_llava.load(folder, routing_seed=3)


def test_another_conversation_may_be_chosen(golden: Path) -> None:
    model = moe_llava.load(str(golden / "phi"), device="cpu", conversation="llava_v0")
    assert model.describe()["conversation"] == "llava_v0"
    assert model.chat.pieces(Prompt.user("Hi"))[0].endswith("###Human: Hi###Assistant:")
    with pytest.raises(UsageError, match="unknown conversation 'x'"):
        moe_llava.load(str(golden / "phi"), conversation="x")


def test_a_vocabulary_with_a_patch_token_changes_nothing_else(golden: Path, tmp_path: Path) -> None:
    folder = tmp_path / "phi"
    shutil.copytree(golden / "phi", folder)
    plain = ask(folder, requests_for(folder))
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"mm_use_im_patch_token": True}))
    added = json.loads((folder / "added_tokens.json").read_text())
    (folder / "added_tokens.json").write_text(json.dumps(added | {"<im_patch>": 412}))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["added_tokens_decoder"]["412"] = {"content": "<im_patch>", "special": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    model = moe_llava.load(str(folder), device="cpu")
    assert model.tokenizer.size == 413
    assert ask(folder, requests_for(folder)) == plain


def test_a_broken_picture_fails_its_own_question_only(golden: Path, tmp_path: Path) -> None:
    folder = golden / "phi"
    good = requests_for(folder)[0]
    (tmp_path / "broken.png").write_bytes((folder / "image.png").read_bytes()[:300])
    bad = Request("bad", Prompt.user(Image(tmp_path / "broken.png"), "What?"))
    gone = Request("gone", Prompt.user(Image(tmp_path / "gone.png"), "What?"))
    answers = ask(folder, [bad, good, gone], batch=2)
    assert answers["one"] == ask(folder, [good])["one"]
    assert answers["bad"].finish == answers["gone"].finish == "error"
    assert answers["bad"].text == ""
    assert answers["bad"].error.startswith("ImageError: ")
    assert "gone.png" in answers["gone"].error


def test_the_same_picture_by_path_or_bytes_gives_the_same_answer(golden: Path) -> None:
    folder = golden / "phi"
    data = (folder / "image.png").read_bytes()
    answers = ask(
        folder,
        [
            Request("path", Prompt.user(Image(folder / "image.png"), "What?")),
            Request("bytes", Prompt.user(Image(data=data), "What?")),
        ],
    )
    assert answers["bytes"] == replace(answers["path"], question_id="bytes")


def test_nothing_asked_is_nothing_answered(golden: Path) -> None:
    assert ask(golden / "phi_dense", []) == {}


def test_opening_reads_no_weights(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr("lvlm_eval.models.moe_llava.weights.read_planned", forbidden)
    described = moe_llava.load(str(golden / "phi"), device="cpu", routing="capacity").describe()
    assert set(described) == {"weights", "dtype", "device", "routing", "conversation"}
    assert described["routing"] == "capacity"
    assert described["dtype"] == "float32"
    assert described["conversation"] == "phi"
    assert len(described["weights"]) == 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu9"}, "unknown device 'tpu9'"),
        ({"dtype": "int3"}, "unknown dtype 'int3'; there are auto, float32"),
        ({"routing": "random"}, "unknown routing 'random'; there are argmax, capacity, sampled"),
        ({"batch": -1}, "batch must be at least 1"),
        ({"batch_tokens": -1}, "batch_tokens must be 0"),
    ],
)
def test_settings_that_do_not_exist_are_refused(
    golden: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        moe_llava.load(str(golden / "phi"), **options)  # type: ignore[arg-type]


def test_checkpoints_are_recognised_by_model_type() -> None:
    assert moe_llava.recognises({"model_type": "moe_llava_phi"})
    assert moe_llava.recognises({"model_type": "llava_phi"})
    assert moe_llava.recognises({"model_type": "llava"})
    assert not moe_llava.recognises({"model_type": "llava_next"})
    assert not moe_llava.recognises({"model_type": "llava_onevision"})
    assert not moe_llava.recognises({"model_type": "moe_llava_mamba"})
    assert not moe_llava.recognises({"model_type": 3})
    assert not moe_llava.recognises({})


def test_a_family_that_is_not_known_says_which_are(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "moe_llava_mamba"}')
    with pytest.raises(CheckpointError, match="'moe_llava_mamba' is none of"):
        moe_llava.load(str(tmp_path), device="cpu")


def test_marks_beside_pictures_must_be_tokens(golden: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(golden / "phi", tmp_path / "phi"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"mm_use_im_start_end": True}))
    with pytest.raises(CheckpointError, match="the tokenizer has no token <im_start>, so"):
        _ = moe_llava.load(str(folder), device="cpu").chat
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    for number, mark in enumerate(("<im_start>", "<im_end>"), 412):
        tokenizer["added_tokens_decoder"][str(number)] = {"content": mark, "special": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    chat = moe_llava.load(str(folder), device="cpu").chat
    ids = chat.encode(Prompt.user(Image(data=b"x"), "What?"))
    assert ids[ids.index(IMAGE_TOKEN) - 1 :][:3] == [412, IMAGE_TOKEN, 413]


def test_the_manual_names_every_option_and_template() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "moe_llava.md").read_text()
    options = {name.removesuffix("_") for name in inspect.signature(moe_llava.load).parameters}
    named = {*options, *TEMPLATES} - {"checkpoint", "parallel"}
    assert [name for name in sorted(named) if f"`{name}`" not in manual] == []
