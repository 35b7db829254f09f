"""OK-VQA: doubled answers, both layouts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image, Prompt, Response, Sample
from lvlm_eval.tasks.okvqa import TASK

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]
Hub = Callable[[str, Sequence[Mapping[str, object]]], Path]

ANSWERS = ["ski"] * 2 + ["race"] * 8


def official(question_id: int = 425) -> dict[str, JSON]:
    answers: list[JSON] = [
        {"answer_id": n, "raw_answer": "skiing", "answer": a} for n, a in enumerate(ANSWERS)
    ]
    annotation: dict[str, JSON] = {
        "question_id": question_id,
        "image_id": 42,
        "question_type": "five",
        "answer_type": "other",
        "answers": answers,
    }
    question: JSON = {"question_id": 425, "image_id": 42, "question": "Which sport?"}
    return {
        "okvqa/OpenEnded_mscoco_val2014_questions.json": {"questions": [question]},
        "okvqa/mscoco_val2014_annotations.json": {"annotations": [annotation]},
    }


@pytest.mark.parametrize(("people", "expected"), [(2, 0.6), (4, 1)])
def test_each_annotator_counts_twice(people: int, expected: float) -> None:
    prompt = Prompt.user(Image(Path("a.jpg")))
    answers = ["Ski."] * people + [f"other {n}" for n in range(10 - people)]
    sample = Sample("1", prompt, "ski", {"answers": answers})
    score = TASK.scorer.score(sample, Response("1", "the ski", "stop"))
    assert score.values["correct"] == pytest.approx(expected)


def test_both_layouts_give_identical_samples(write: Write, hub_copy: Hub, content: Content) -> None:
    row = {"question_id": "425", "question": "Which sport?", "answers": ANSWERS}
    kinds = {"question_type": "five", "answer_type": "other"}
    root = hub_copy(
        "okvqa/data/val2014-00000-of-00002.parquet", [{**row, **kinds, "picture": "x.jpg"}]
    )
    (sample,) = TASK.samples(write(official()))
    assert content([sample]) == content(list(TASK.samples(root)))
    assert sample.prompt.images[0].name == "COCO_val2014_000000000042.jpg"
    assert (sample.target, sample.cluster) == ("race", "42")
    assert sample.groups == kinds


def test_a_question_without_annotation_is_named(write: Write) -> None:
    with pytest.raises(DataError, match=r"questions.json:1: question 425 has no annotation in"):
        list(TASK.samples(write(official(question_id=7))))
