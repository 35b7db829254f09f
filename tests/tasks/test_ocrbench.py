"""OCRBench: containment with and without spaces, points, layouts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.ocrbench import TASK

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]
Hub = Callable[[str, Sequence[Mapping[str, object]]], Path]

FORMULAS = "Handwritten Mathematical Expression Recognition"


def record(
    text: str,
    answer: str,
    kind: str = "Doc-oriented VQA",
    data_set: str = "docVQA",
    variant: str = TASK.primary,
) -> Record:
    facts: dict[str, JSON] = {"answers": [answer], "dataset": data_set}
    prompt = Prompt.user(Image(Path("a.png")))
    sample = Sample("1", prompt, answer, facts, groups={"type": kind})
    response = Response("1", text, "stop")
    return Record(sample, response, TASK.variants[variant].score(sample, response))


@pytest.mark.parametrize(
    ("text", "answer", "data_set", "right"),
    [
        ("It says KETTLE.", "kettle", "IIIT5K", True),
        ("ket tle", "kettle", "IIIT5K", False),
        ("one\ntwo", "one two", "IIIT5K", True),
        ("", "kettle", "IIIT5K", False),
        ("x ^ 2 + 1", "x^2 +1", "HME100k", True),
        ("X^2", "x^2", "HME100k", False),
    ],
)
def test_an_accepted_text_anywhere_in_the_answer_is_a_point(
    text: str, answer: str, data_set: str, right: bool
) -> None:
    assert record(text, answer, data_set=data_set).score.values["correct"] == right


def test_harnesses_differ_in_full_width_letters_and_in_what_a_formula_is() -> None:
    wide = {v: record("ＡＢＣ", "abc", variant=v).score.values["correct"] for v in TASK.variants}
    assert wide == {"official": 0, "lmms_eval": 1, "vlmevalkit": 0}
    spaced = {
        v: record("x ^ 2", "x^2", FORMULAS, "other", v).score.values["correct"]
        for v in TASK.variants
    }
    assert spaced == {"official": 0, "lmms_eval": 0, "vlmevalkit": 1}


def test_figures_are_points_and_six_kinds_make_up_text_recognition() -> None:
    records = [
        *[record("a", "a", "Digit String Recognition")] * 3,
        *[record("a", "a", "Handwriting Recognition")] * 2,
        record("b", "a", "Regular Text Recognition"),
        *[record("a", "a", FORMULAS)] * 4,
    ]
    assert TASK.scorer.finish(TASK.scorer.tally(records)) == {
        "final_score": 9,
        "text_recognition": 5,
        "Digit String Recognition": 3,
        "Handwriting Recognition": 2,
        "Regular Text Recognition": 0,
        FORMULAS: 4,
    }


def test_both_layouts_give_identical_samples(write: Write, hub_copy: Hub, content: Content) -> None:
    def row(number: int, answers: JSON) -> dict[str, JSON]:
        return {
            "id": number,
            "dataset_name": "IIIT5K",
            "type": "Regular Text Recognition",
            "image_path": "IIIT5K/7.jpg",
            "question": "what is written in the image?",
            "answers": answers,
        }

    copied = {
        "dataset": "IIIT5K",
        "question": "what is written in the image?",
        "question_type": "Regular Text Recognition",
        "picture": "7.jpg",
    }
    files: dict[str, JSON] = {"ocrbench/OCRBench.json": [row(0, "KETTLE"), row(1, ["a", "b"])]}
    samples = list(TASK.samples(write(files)))
    rows = [{**copied, "answer": answer} for answer in (["KETTLE"], ["a", "b"])]
    root = hub_copy("ocrbench/data/test-00000-of-00001.parquet", rows)
    assert content(samples) == content(list(TASK.samples(root)))
    assert samples[1].facts["answers"] == ["a", "b"]
    assert samples[0].prompt.text == "what is written in the image?"
    assert {sample.cluster for sample in samples} == {"IIIT5K/7.jpg"}
    with pytest.raises(DataError, match=r"OCRBench.json:1: 'answers' is empty"):
        list(TASK.samples(write({"ocrbench/OCRBench.json": [row(0, [])]})))
