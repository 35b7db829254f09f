"""DocVQA: ANLS by kind of question, layouts and splits, broken files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.docvqa import TASK

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]
Hub = Callable[[str, Sequence[Mapping[str, object]]], Path]

VAL, TEST = "docvqa/val_v1.0_withQT.json", "docvqa/test_v1.0.json"


def row(number: int, **change: JSON) -> dict[str, JSON]:
    return {
        "questionId": number,
        "question": f"Q {number}?",
        "question_types": ["form", "layout"],
        "image": "documents/abcd_3.png",
        "docId": 5,
        "ucsf_document_id": "abcd",
        "ucsf_document_page_no": "3",
        "answers": ["T. F. Riehl", "Riehl"],
        **change,
    }


def record(text: str, kinds: Sequence[str], variant: str = TASK.primary) -> Record:
    facts: dict[str, JSON] = {"answers": ["abcd", "none"], "question_types": kinds}
    sample = Sample("1", Prompt.user(Image(Path("a.png"))), "abcd", facts)
    response = Response("1", text, "stop")
    return Record(sample, response, TASK.variants[variant].score(sample, response))


def test_a_question_counts_for_each_of_its_kinds() -> None:
    records = [record("abce", ["form"]), record("x", ["form", "layout"]), record("ABCD", [])]
    found = TASK.scorer.finish(TASK.scorer.tally(records))
    expected = {"anls": 1.75 / 3, "question_types/form": 0.375, "question_types/layout": 0}
    assert found == pytest.approx(expected)


def test_the_word_none_is_wrong_in_the_framework_of_mp_docvqa_alone() -> None:
    marks = {v: record("none", [], v).score.values["correct"] for v in TASK.variants}
    assert marks.pop("mp_docvqa_framework") == 0
    assert set(marks.values()) == {1}


def test_both_layouts_of_val_give_identical_samples(
    write: Write, hub_copy: Hub, content: Content
) -> None:
    root = hub_copy(
        "docvqa/DocVQA/validation-00000-of-00006.parquet", [copied(row(1)), copied(row(2))]
    )
    samples = list(TASK.samples(write({VAL: {"data": [row(1), row(2)]}})))
    assert content(samples) == content(list(TASK.samples(root)))
    (first, _) = samples
    assert (first.question_id, first.target, first.cluster) == ("1", "T. F. Riehl", "abcd_3")
    assert first.prompt.text == "Q 1?\nAnswer the question using a single word or phrase."


def test_test_has_no_targets_in_either_layout(
    write: Write, hub_copy: Hub, content: Content
) -> None:
    bare = {k: v for k, v in row(1).items() if k not in ("answers", "question_types")}
    test = load_task("docvqa_test")
    root = hub_copy(
        "docvqa/DocVQA/test-00000-of-00006.parquet", [{**copied(bare), "answers": None}]
    )
    (sample,) = test.samples(write({TEST: {"data": [bare]}}))
    assert content([sample]) == content(list(test.samples(root)))
    assert sample.target is None
    assert sample.facts == {}


def copied(official: Mapping[str, JSON]) -> dict[str, object]:
    """The row as the Hub has it: ids as text, the page in its own column."""
    kept = {k: v for k, v in official.items() if k != "image"}
    return {**kept, "questionId": str(official["questionId"]), "picture": "abcd_3.png"}


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([row(1), row(1)], "id '1' occurs twice"),
        ([row(1, answers=[])], "withQT.json:1: 'answers' is empty"),
        ([row(1, answers=["a", 3])], "withQT.json:1: 'answers' must be a list of texts"),
        ([row(1, question_types="form")], "withQT.json:1: 'question_types' must be a list"),
        ([row(1, image="../a.png")], r"path '../a.png' leaves the data root"),
    ],
)
def test_broken_files_are_named(write: Write, rows: list[JSON], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        list(TASK.samples(write({VAL: {"data": rows}})))
