"""Models of transformers, asked in every way, answer the same."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lvlm_eval import evaluate
from lvlm_eval.abilities import ReadsAhead
from lvlm_eval.errors import UsageError
from lvlm_eval.models.hf.adapter import HFModel
from lvlm_eval.models.hf.prompts import read_picture
from lvlm_eval.schema import Decoding, Image, Prompt, Request

from .asking import BLUE, RED, SIX, ask, open_tiny, questions
from .conftest import Folders

KINDS = ("llava", "qwen2_vl", "idefics3")


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_the_same_alone_in_batches_and_behind_a_shared_prefix(
    checkpoint: Folders, kind: str
) -> None:
    folder = checkpoint(kind)
    alone = ask(open_tiny(folder, batch=1, reuse="off"), questions())
    assert len({response.text for response in alone.values()}) == len(alone)
    assert {response.finish for response in alone.values()} <= {"stop", "length"}
    assert ask(open_tiny(folder, batch=4, reuse="off"), questions()) == alone
    sharing = open_tiny(folder, batch=4, reuse="on")
    assert ask(sharing, questions()) == alone
    assert ask(sharing, reversed(questions())) == alone
    assert ask(open_tiny(folder, batch=2, reuse="on"), questions()) == alone


@pytest.mark.parametrize("kind", ["llava", "qwen2_vl"])
def test_a_greedy_answer_is_that_of_whole_forwards_of_the_model_itself(
    checkpoint: Folders, kind: str
) -> None:
    """Against transformers' own chat template call and forwards without any cache."""
    model = open_tiny(checkpoint(kind), reuse="off")
    answers = ask(model, questions())
    shown = [{"type": "image", "image": _drawn(RED)}, {"type": "text", "text": "Is there a dog?"}]
    inputs = model.opened.processor.apply_chat_template(
        [{"role": "user", "content": shown}],
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
    )
    ids = _longest_answer(model, dict(inputs))
    assert answers["red 2"].text == model.runner.text_of(ids)
    assert answers["red 2"].new_tokens == len(ids)


def _longest_answer(model: HFModel, inputs: dict[str, Tensor]) -> list[int]:
    ids: list[int] = []
    while len(ids) < SIX.max_new_tokens and not model.runner.eos & set(ids[-1:]):
        with torch.no_grad():
            token = model.runner.model(**inputs, use_cache=False).logits[:, -1:].argmax(-1)
        ids.append(int(token))
        new = {"input_ids": token, "attention_mask": torch.ones_like(token)}
        for name in ("input_ids", "attention_mask", "mm_token_type_ids"):
            if name in inputs:
                more = new.get(name, torch.zeros_like(token))
                inputs[name] = torch.cat((inputs[name], more), dim=1)
    return ids


def test_a_picture_of_a_group_is_prepared_and_computed_once(
    checkpoint: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_tiny(checkpoint("llava"), batch=2, reuse="on")
    assert model.shares
    prepared, computed = [], []
    tower = model.runner.model.model.vision_tower
    tower.register_forward_hook(lambda *_: computed.append(1))
    processor = type(model.opened.processor.image_processor)
    original = processor.preprocess

    def counted(*given: object, **settings: object) -> object:
        prepared.append(1)
        return original(*given, **settings)

    monkeypatch.setattr(processor, "preprocess", counted)
    five = [Request(str(n), Prompt.user(RED, f"What{'?' * n}")) for n in range(5)]
    assert len(ask(model, five)) == 5
    assert (len(prepared), len(computed)) == (1, 1)


def test_a_seeded_draw_depends_on_seed_and_question_alone(checkpoint: Folders) -> None:
    folder = checkpoint("qwen2_vl")
    drawn = Decoding(max_new_tokens=6, temperature=1.0, seed=4)
    alone = ask(open_tiny(folder, batch=1, reuse="off"), questions(), drawn)
    together = open_tiny(folder, reuse="on")
    assert ask(together, reversed(questions()), drawn) == alone
    other = ask(together, questions(), Decoding(max_new_tokens=6, temperature=1.0, seed=5))
    assert sum(other[name] != alone[name] for name in alone) >= 8
    narrow = Decoding(max_new_tokens=6, temperature=1.0, top_p=1e-9)
    assert ask(together, questions(), narrow) == ask(together, questions())


def test_an_answer_ends_at_an_end_id_a_stop_string_or_its_length(checkpoint: Folders) -> None:
    model = open_tiny(checkpoint("llava"))
    longer = Decoding(max_new_tokens=40)
    whole = ask(model, questions(), longer)
    assert {response.finish for response in whole.values()} == {"stop", "length"}
    for response in whole.values():
        assert (response.new_tokens == 40) or response.finish == "stop"
    name, response = next(item for item in whole.items() if item[1].finish == "length")
    letter = next(
        letter for letter in response.text[3:] if letter.isascii() and letter.isprintable()
    )
    cut = ask(model, questions(), Decoding(max_new_tokens=40, stop=(letter,)))[name]
    assert cut.finish == "stop"
    assert cut.text == response.text[: response.text.index(letter)].strip()
    assert cut.new_tokens < 40


def test_a_picture_that_cannot_be_read_fails_its_questions_alone(
    checkpoint: Folders, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    broken = Image(path=tmp_path / "broken.png")
    asked = [
        Request("fine 1", Prompt.user(RED, "What?")),
        Request("broken 1", Prompt.user(broken, "What?")),
        Request("broken 2", Prompt.user(broken, "Why?")),
        Request("broken 3", Prompt.user(RED, broken, "Why?")),
        Request("fine 2", Prompt.user(RED, "Who?")),
    ]
    responses = ask(open_tiny(checkpoint("llava")), asked)
    for name, response in responses.items():
        assert (response.finish == "error") is name.startswith("broken")
        assert not response.error or response.error.startswith("ImageError: ")
        assert bool(response.text) is not bool(response.error)


def test_a_prompt_that_template_or_processor_refuses_fails_alone(checkpoint: Folders) -> None:
    model = open_tiny(checkpoint("llava"))
    marked = [Request(f"{n}", Prompt.user(RED, "a <image>" if n == 1 else "b")) for n in range(3)]
    responses = ask(model, marked)
    assert [responses[str(n)].finish == "error" for n in range(3)] == [False, True, False]
    assert responses["1"].error.startswith("ValueError: ")
    refusing = model.opened.template.replace(
        "{{ bos_token }}",
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}",
    )
    object.__setattr__(model.opened, "template", refusing)
    model.__dict__.pop("encoder")
    responses = ask(model, questions())
    assert responses["conversation"].error == "TemplateError: no system"
    assert sum(response.finish == "error" for response in responses.values()) == 1


@pytest.mark.parametrize("reuse", ["on", "off"])
def test_out_of_memory_halves_the_batch_and_goes_on(
    checkpoint: Folders, monkeypatch: pytest.MonkeyPatch, reuse: str
) -> None:
    model = open_tiny(checkpoint("llava"), batch=8, reuse=reuse)
    expected = ask(model, questions())
    original = model.runner.model.generate
    limit = 2

    def small(**given: object) -> object:
        ids = given["input_ids"]
        assert isinstance(ids, Tensor)
        if len(ids) > limit:
            raise torch.OutOfMemoryError("too small")
        return original(**given)

    monkeypatch.setattr(model.runner.model, "generate", small)
    assert ask(model, questions()) == expected
    limit = 0
    responses = ask(model, questions())
    assert {response.error for response in responses.values()} == {"OutOfMemoryError: too small"}


def test_where_sharing_changes_answers_it_is_left_and_said(
    checkpoint: Folders, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = checkpoint("llava")
    plain = ask(open_tiny(folder, reuse="off"), questions())
    monkeypatch.setattr("lvlm_eval.models.hf.adapter.why_not_shared", lambda *_: "as it happens")
    model = open_tiny(folder)
    assert model.describe()["reuse"] == "auto"
    with caplog.at_level(logging.INFO):
        assert ask(model, questions()) == plain
    assert model.describe()["reuse"] == "off"
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith("adapter")]
    assert line.endswith("pictures are computed anew for every question: as it happens")
    with pytest.raises(UsageError, match=r"reuse=on, but .*: as it happens"):
        ask(open_tiny(folder, reuse="on"), questions())


def test_waiting_for_pictures_is_counted(
    checkpoint: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_tiny(checkpoint("llava"), reuse="off")
    assert isinstance(model, ReadsAhead)
    ask(model, questions())
    before = model.stalled_seconds
    slow = threading.Event()  # never set: waiting for it takes its time

    def read(image: Image) -> object:
        slow.wait(0.3)
        return read_picture(image)

    monkeypatch.setattr("lvlm_eval.models.hf.batches.read_picture", read)
    ask(model, [Request("1", Prompt.user(RED, "What?"))])
    assert 0.3 <= model.stalled_seconds - before < 30


def test_half_precision_runs_and_may_share(checkpoint: Folders) -> None:
    model = open_tiny(checkpoint("llava"), dtype="bfloat16")
    responses = ask(model, questions())
    assert all(response.finish != "error" for response in responses.values())
    assert model.describe()["reuse"] in ("on", "off")


def test_what_decides_the_answers_is_described(checkpoint: Folders) -> None:
    model = open_tiny(checkpoint("llava"))
    described = model.describe()
    assert described["image_processor"] == "CLIPImageProcessorPil"
    assert described["architecture"] == "LlavaForConditionalGeneration"
    assert described["attention"] == "sdpa"
    assert (described["dtype"], described["device"]) == ("float32", "cpu")
    assert len(described["weights"]) == len(described["chat_template"]) == 64
    other = open_tiny(checkpoint("qwen2_vl")).describe()
    assert other["weights"] != described["weights"]
    assert other["chat_template"] != described["chat_template"]
    ask(model, [Request("1", Prompt.user(BLUE, "What?"))])
    assert model.describe() == described | {"reuse": "on"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch must be at least 1"),
        ({"reuse": "maybe"}, "unknown reuse 'maybe'; there are auto, on, off"),
        ({"dtype": "int4"}, "unknown dtype 'int4'"),
    ],
)
def test_settings_that_do_not_exist_are_refused(
    checkpoint: Folders, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        open_tiny(checkpoint("llava"), **options)  # type: ignore[arg-type]


def test_the_bundled_tasks_run_through_it(checkpoint: Folders, tmp_path: Path) -> None:
    folder = checkpoint("qwen2_vl")
    stores = evaluate(
        [f"hf:{folder},reuse=on", f"hf:{folder},reuse=off,batch=3"],
        "mme",
        data="demo",
        results=tmp_path,
        limit=3,
        overrides={"max_new_tokens": 4},
    )
    texts = [
        {name: response.text for name, response in store.task("mme@demo").responses().items()}
        for store in stores
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 4  # whole pictures up to the limit, each asked about twice


def _drawn(image: Image) -> object:
    from lvlm_eval.images import open_rgb

    return open_rgb(image)
