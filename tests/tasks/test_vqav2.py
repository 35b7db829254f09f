"""VQAv2: hand-computed accuracies, the splits and their files, broken files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.vqav2 import SPLITS, TASK

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]

QUESTIONS = "vqav2/v2_OpenEnded_mscoco_val2014_questions.json"
ANNOTATIONS = "vqav2/v2_mscoco_val2014_annotations.json"
TESTDEV = "vqav2/v2_OpenEnded_mscoco_test-dev2015_questions.json"
TESTDEV_LLAVA = "vqav2/llava_vqav2_mscoco_test-dev2015.jsonl"
SUFFIX = "\nAnswer the question using a single word or phrase."


def record(
    text: str, people: Sequence[str], kind: str = "other", variant: str = TASK.primary
) -> Record:
    sample = Sample(
        "1",
        Prompt.user(Image(Path("a.jpg"))),
        people[0],
        facts={"answers": people},
        groups={"answer_type": kind, "question_type": "what"},
    )
    response = Response("1", text, "stop")
    return Record(sample, response, TASK.variants[variant].score(sample, response))


def mark(text: str, people: Sequence[str], variant: str = TASK.primary) -> float:
    return record(text, people, variant=variant).score.values["correct"]


def metrics(*records: Record) -> dict[str, float]:
    return TASK.scorer.finish(TASK.scorer.tally(records))


@pytest.mark.parametrize(("agreeing", "expected"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1)])
def test_accuracy_grows_with_the_number_of_people_who_agree(agreeing: int, expected: float) -> None:
    people = ["Red."] * agreeing + [f"colour {n}" for n in range(10 - agreeing)]
    assert mark("the red", people) == pytest.approx(expected)


def test_means_are_over_questions_in_all_and_by_type() -> None:
    found = metrics(
        record("2", ["two"] * 9 + ["3"], "number"),
        record("3", ["two"] * 9 + ["three"], "number"),
        record("blue", ["red"] * 9 + ["pink"], "other"),
    )
    assert found == pytest.approx(
        {
            "accuracy": 130 / 3,
            "answer_type/number": 65,
            "answer_type/other": 0,
            "question_type/what": 130 / 3,
        }
    )


def test_where_all_people_agree_the_comparison_is_exact_except_in_other_harnesses() -> None:
    people = ["x-ray"] * 10
    marks = {variant: mark("x-ray", people, variant) for variant in TASK.variants}
    assert marks == {
        "llava_submission": 0,  # uploaded as "x ray"
        "official_raw": 1,
        "lmms_eval": 1,
        "vlmevalkit_vqa_score": 1,
    }
    assert mark("Two", ["2"] * 10, "official_raw") == 0
    assert mark("Two", ["2"] * 10, "lmms_eval") == 1


def test_a_trailing_period_after_a_decimal_survives_in_vlmevalkit_only() -> None:
    people = ["2.5"] * 9 + ["three"]
    assert mark("2.5.", people, "official_raw") == 1
    assert mark("2.5.", people, "vlmevalkit_vqa_score") == 0


def test_an_empty_answer_is_unread_yet_marked() -> None:
    empty = record(" \n", ["a"] * 9 + ["the"])
    assert empty.score.answer is None
    assert empty.score.values["correct"] == 1  # articles alone normalise to nothing
    article = record("A", ["red"] * 9 + ["pink"])
    assert article.score.answer == ""


def test_official_figures_are_rounded_away_from_zero_at_the_tie() -> None:
    hit, miss = record("red", ["red"] * 9 + ["x"]), record("pink", ["red"] * 9 + ["x"])
    printed = TASK.scorer.official([hit, *[miss] * 31])["metrics"]
    assert isinstance(printed, Mapping)
    assert printed["overall"] == 3.13  # 3.125


def question(number: int = 1, **change: JSON) -> dict[str, JSON]:
    return {"question_id": number, "image_id": 42, "question": "What is it?", **change}


def annotation(number: int = 1, **change: JSON) -> dict[str, JSON]:
    answers: list[JSON] = [{"answer": f"a{n}", "answer_id": n} for n in range(10)]
    return {
        "question_id": number,
        "image_id": 42,
        "question_type": "what is",
        "answer_type": "other",
        "multiple_choice_answer": "a0",
        "answers": answers,
        **change,
    }


def val(questions: list[JSON], annotations: list[JSON]) -> dict[str, JSON]:
    return {QUESTIONS: {"questions": questions}, ANNOTATIONS: {"annotations": annotations}}


def test_a_question_of_val_is_read_with_its_ten_answers(write: Write) -> None:
    root = write(val([question()], [annotation(2), annotation(1)]))
    (sample,) = TASK.samples(root)
    assert sample.question_id == "1"
    assert sample.prompt.text == "What is it?" + SUFFIX
    assert sample.prompt.images[0].path == root / "coco/val2014/COCO_val2014_000000000042.jpg"
    assert sample.target == "a0"
    assert sample.facts == {"answers": tuple(f"a{n}" for n in range(10))}
    assert sample.groups == {"question_type": "what is", "answer_type": "other"}
    assert sample.cluster == "42"


def test_both_layouts_of_test_dev_give_identical_samples_without_targets(
    write: Write, content: Content
) -> None:
    row: dict[str, JSON] = {
        "question_id": 1,
        "image": "COCO_test2015_000000000042.jpg",
        "text": "What is it?" + SUFFIX,
        "category": "default",
    }
    official = list(TASK.samples(write({TESTDEV: {"questions": [question()]}})))
    llava = list(TASK.samples(write({TESTDEV_LLAVA: [row]})))
    assert content(official) == content(llava)
    assert official[0].target is None


def test_the_alias_takes_val_before_test_dev_and_says_so(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    files = val([question()], [annotation()]) | {TESTDEV: {"questions": [question(7)]}}
    root = write(files)
    assert [sample.question_id for sample in TASK.samples(root)] == ["1"]
    assert "vqav2 stands for vqav2_val" in caplog.text
    assert [s.question_id for s in load_task("vqav2_testdev").samples(root)] == ["7"]
    assert {name: task.name for name, task in SPLITS.items()} == {
        "vqav2_val": "vqav2_val",
        "vqav2_testdev": "vqav2_testdev",
    }


def test_questions_of_val_without_annotations_are_an_error_and_not_test_dev(write: Write) -> None:
    root = write({QUESTIONS: {"questions": [question()]}, TESTDEV: {"questions": [question()]}})
    with pytest.raises(MissingData, match="v2_mscoco_val2014_annotations"):
        list(TASK.samples(root))


@pytest.mark.parametrize(
    ("questions", "annotations", "complaint"),
    [
        ([question(1), question(1)], [annotation()], "questions.json:1: id '1' occurs twice"),
        ([question(2)], [annotation()], "questions.json:1: question 2 has no annotation in"),
        ([question()], [annotation(), annotation()], "question 1 is annotated twice"),
        ([question(image_id="x")], [annotation()], "'image_id' must be an integer, got \"x\""),
        ([question()], [annotation(answers=[])], "'answers' must have at least one"),
        (
            [question()],
            [annotation(answers=[{"answer": "a", "answer_id": 1}] * 2)],
            "annotations.json:1: 'answers' must have at least one, each its answer_id",
        ),
    ],
)
def test_broken_files_are_named(
    write: Write, questions: list[JSON], annotations: list[JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        list(TASK.samples(write(val(questions, annotations))))


def test_an_image_path_out_of_the_data_root_is_refused(write: Write) -> None:
    row: dict[str, JSON] = {"question_id": 1, "image": "../../x.jpg", "text": "What?"}
    with pytest.raises(DataError, match=r"jsonl:1: path '../../x.jpg' leaves"):
        list(TASK.samples(write({TESTDEV_LLAVA: [row]})))
