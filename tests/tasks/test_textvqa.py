"""TextVQA: asked with and without OCR tokens, whichever file has them; ids that repeat."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.families.textvqa import question_in
from lvlm_eval.plugins import load_task
from lvlm_eval.predictions import read_predictions
from lvlm_eval.schema import JSON, Sample
from lvlm_eval.tasks.textvqa import TASK
from lvlm_eval.tasks.textvqa_plain import TASK as PLAIN

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]
Hub = Callable[[str, Sequence[Mapping[str, object]]], Path]

SUFFIX = "\nAnswer the question using a single word or phrase."
ANNOTATIONS = "textvqa/TextVQA_0.5.1_val.json"
LLAVA = "textvqa/llava_textvqa_val_v051_ocr.jsonl"
ROSETTA = "textvqa/TextVQA_Rosetta_OCR_v0.2_val.json"
QUESTIONS = ("what brand?", "What Year?")
TOKENS = ("ACME", "1904")


def row(number: int, question: str, **change: JSON) -> dict[str, JSON]:
    answers: list[JSON] = [*["acme"] * 6, *["the acme"] * 4]
    found: dict[str, JSON] = {"question_id": number, "image_id": "0a1b", "question": question}
    return {**found, "answers": answers, **change}


ROWS = [row(i, question) for i, question in enumerate(QUESTIONS)]
ASKED = [f"{question}\nReference OCR token: ACME, 1904{SUFFIX}" for question in QUESTIONS]
FILE: dict[str, JSON] = {ANNOTATIONS: {"data": list(ROWS)}}
LINES: JSON = [
    {"question_id": "0a1b", "image": "0a1b.jpg", "text": text} for text in reversed(ASKED)
]


def test_three_layouts_give_the_same_questions_with_tokens(
    write: Write, hub_copy: Hub, content: Content
) -> None:
    llava = list(TASK.samples(write({**FILE, LLAVA: LINES})))
    tokens: JSON = {"data": [{"image_id": "0a1b", "ocr_tokens": list(TOKENS)}]}
    rosetta = list(TASK.samples(write({**FILE, ROSETTA: tokens})))
    rows = [{**r, "ocr_tokens": list(TOKENS), "picture": "0a1b.jpg"} for r in ROWS]
    copied = list(TASK.samples(hub_copy("textvqa/data/validation-00000-of-00001.parquet", rows)))
    assert content(llava) == content(rosetta) == content(copied)
    assert [sample.prompt.text for sample in llava] == ASKED
    assert llava[0].target == "acme"
    assert llava[0].cluster == "0a1b"


def test_the_plain_task_asks_the_question_alone(
    write: Write, hub_copy: Hub, content: Content
) -> None:
    official = list(PLAIN.samples(write(FILE)))
    rows = [{**r, "ocr_tokens": list(TOKENS), "picture": "0a1b.jpg"} for r in ROWS]
    copied = list(PLAIN.samples(hub_copy("textvqa/data/validation-00000-of-00001.parquet", rows)))
    assert content(official) == content(copied)
    assert [sample.prompt.text for sample in official] == [q + SUFFIX for q in QUESTIONS]
    assert load_task("textvqa_plain").variants is TASK.variants


def test_a_picture_without_tokens_is_asked_about_without_their_line(hub_copy: Hub) -> None:
    rows = [{**ROWS[0], "ocr_tokens": [], "picture": "0a1b.jpg"}]
    columns = hub_copy("textvqa/data/validation-00000-of-00001.parquet", [*rows, *rows])
    with pytest.raises(DataError, match="occurs twice"):
        list(TASK.samples(columns))
    root = hub_copy(
        "textvqa/data/validation-00000-of-00001.parquet", [{**rows[0], "ocr_tokens": ["A"]}]
    )
    assert [s.prompt.text for s in TASK.samples(root)] == [
        f"what brand?\nReference OCR token: A{SUFFIX}"
    ]


def test_answers_of_llava_are_joined_by_picture_and_question(write: Write, tmp_path: Path) -> None:
    samples = list(PLAIN.samples(write(FILE)))
    answers = tmp_path / "answers.jsonl"
    answers.write_text(
        '{"question_id": "0a1b", "prompt": "what year?\\nReference OCR token: A", "text": "1904"}\n'
        '{"question_id": "0a1b", "prompt": "What brand?\\nshort", "text": "acme"}\n'
    )
    found = read_predictions(answers, samples)
    assert [(r.question_id, r.text) for r in found] == [("1", "1904"), ("0", "acme")]


@pytest.mark.parametrize(
    "text",
    ["q?\nshort", "q?\nReference OCR token: A, B\nshort", "Reference OCR token: A\nq?\nshort"],
)
def test_the_question_is_found_in_every_form_of_llavas_prompt(text: str) -> None:
    assert question_in(text) == "q?"


def test_processing_is_done_even_where_all_ten_agree() -> None:
    assert [s.headline for s in TASK.variants.values()] == ["correct"] * 4


def test_without_any_tokens_the_error_names_the_files_that_have_them(write: Write) -> None:
    with pytest.raises(MissingData, match=f"textvqa: no data.*{LLAVA}.*or.*{ROSETTA}"):
        list(TASK.samples(write(FILE)))


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({ANNOTATIONS: {"data": [ROWS[0], ROWS[0]]}}, "id '0' occurs twice"),
        ({ANNOTATIONS: {"data": [row(0, "q?", answers=[])]}}, "val.json:1: 'answers' is empty"),
        ({ANNOTATIONS: {"data": [row(0, "other?")]}}, "has no line for picture 0a1b with the"),
    ],
)
def test_broken_files_are_named(write: Write, files: dict[str, JSON], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        list(TASK.samples(write({LLAVA: LINES, **files})))
