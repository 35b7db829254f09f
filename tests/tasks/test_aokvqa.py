"""A-OKVQA: hand-computed figures, both ways of asking, and broken files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.schema import JSON, Record, Response, Sample
from lvlm_eval.tasks.aokvqa import SPLITS, TASK

ROW: dict[str, JSON] = {
    "question_id": "q1",
    "image_id": 42,
    "question": "What colour?",
    "choices": ["red", "blue", "x-ray"],
    "correct_choice_idx": 1,
    "direct_answers": ["blue"] * 2 + ["red"] * 4 + ["x ray"] * 4,
    "difficult_direct_answer": False,
}


def write(root: Path, *rows: Mapping[str, JSON], split: str = "val") -> list[Sample]:
    write_data({f"aokvqa/aokvqa_v1p0_{split}.json": list(rows)}, root)
    return list(TASK.samples(root))


def marked(samples: Sequence[Sample], *texts: str, variant: str = "official_raw") -> list[Record]:
    score = TASK.variants[variant].score
    pairs = [(s, Response(s.question_id, t, "stop")) for s, t in zip(samples, texts, strict=True)]
    return [Record(s, r, score(s, r)) for s, r in pairs]


def test_each_question_is_asked_in_both_ways(tmp_path: Path) -> None:
    direct, choice = write(tmp_path, ROW)
    suffix = "\nAnswer the question using a single word or phrase."
    assert direct.prompt.text == f"What colour?{suffix}"
    assert choice.prompt.text == f"What colour?\nChoices: red, blue, x-ray.{suffix}"
    assert (direct.question_id, choice.question_id) == ("q1", "q1/multiple_choice")
    assert (choice.target, direct.cluster) == ("blue", choice.cluster)
    assert direct.prompt.images[0].path == tmp_path / "coco/val2017/000000000042.jpg"


def test_figures_of_a_lopsided_set(tmp_path: Path) -> None:
    hard = {**ROW, "question_id": "q3", "difficult_direct_answer": True}
    samples = write(tmp_path, ROW, {**ROW, "question_id": "q2"}, hard)
    records = marked(samples, "blue", "B", "Red.", "Blue", "red", "blue")
    assert TASK.scorer.finish(TASK.scorer.tally(records)) == pytest.approx(
        {
            "multiple_choice": 1 / 3,
            "lenient/multiple_choice": 1,
            "direct_answer": (2 / 3) / 2,
            "lenient/direct_answer": (2 / 3 + 1) / 2,
        }
    )
    assert TASK.scorer.official(records) == {
        "metrics": pytest.approx({"multiple_choice": 100 / 3, "direct_answer": 100 / 3}),
        "per_item_direct": {"q1": pytest.approx(2 / 3), "q2": 0},
        "per_item_mc": {"q1": 0, "q2": 0, "q3": 1},
    }


@pytest.mark.parametrize(
    ("variant", "direct", "choice"),
    [
        ("official_raw", 0, 0),
        ("official_on_stripped_lowercase", 0, 1),
        ("official_on_m4c_processed", 1, 0),  # it is "x ray" then, which is no choice
    ],
)
def test_variants_clean_the_answer_first(
    tmp_path: Path, variant: str, direct: float, choice: float
) -> None:
    samples = write(tmp_path, {**ROW, "correct_choice_idx": 2})
    records = marked(samples, " X-Ray", " X-Ray", variant=variant)
    assert [r.score.values["correct"] for r in records] == [direct, choice]


def test_the_test_split_is_asked_and_not_marked(tmp_path: Path) -> None:
    hidden = {k: v for k, v in ROW.items() if k not in ("correct_choice_idx", "direct_answers")}
    samples = write(tmp_path, hidden, split="test")
    assert [sample.target for sample in samples] == [None, None]
    assert list(SPLITS["aokvqa_test"].samples(tmp_path)) == samples
    with pytest.raises(MissingData, match=r"aokvqa_v1p0_val\.json"):
        list(SPLITS["aokvqa_val"].samples(tmp_path))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"correct_choice_idx": 3}, r"json:1: the right choice 3 is not among the 3 choices"),
        ({"choices": []}, r"json:1: 'choices' is empty"),
        ({"question_id": "q1"}, r"json:1: id 'q1' occurs twice"),
        ({"difficult_direct_answer": None}, r"'difficult_direct_answer' must be true or false"),
        ({"image_id": "x"}, r"json:1: 'image_id' must be an integer, got \"x\""),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        write(tmp_path, ROW, {**ROW, "question_id": "q2", **change})
