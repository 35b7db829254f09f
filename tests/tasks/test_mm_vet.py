"""MM-Vet: reading the judge's replies, hand-computed figures, the judge's prompt, broken files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.mm_vet import TASK, mark

ONE, ALL = TASK.variants


@pytest.mark.parametrize(
    ("replies", "value"),
    [
        (["0.5"], 0.5),
        (["0.4 (partly)"], 0.4),
        (["1\n"], 1.0),
        (["", "0,5", "Score 0.4", "1.2", ".3"], 0.3),
        (["x", "x", "x", "x", "x", "0.9"], None),
        (["nan", "-0.1"], None),
        ([], None),
    ],
)
def test_the_first_of_five_replies_that_starts_with_a_number_counts(
    replies: list[str], value: float | None
) -> None:
    assert mark(replies) == value


def record(runs: Sequence[str], abilities: list[str], variant: str = ALL) -> Record:
    sample = Sample(
        "v1_0",
        Prompt.user(Image(Path("a.jpg")), "Who?"),
        "cat<AND>dog",
        facts={"abilities": abilities, "replies": [[reply] for reply in runs]},
        groups={"abilities": "_".join(abilities)},
    )
    response = Response("v1_0", "a cat", "stop")
    return Record(sample, response, TASK.variants[variant].score(sample, response))


def metrics(records: Sequence[Record]) -> dict[str, float]:
    return TASK.scorer.finish(TASK.scorer.tally(records))


def test_a_question_counts_wholly_for_each_of_its_abilities() -> None:
    found = metrics(
        [
            record(["1.0", "0.4"], ["ocr", "rec"]),
            record(["0.2", "0.2"], ["rec"]),
            record(["0.0", "0.6"], ["rec"]),
        ]
    )
    assert found == pytest.approx(
        {
            "total": 40,
            "ocr": 70,
            "rec": 40,
            "abilities/ocr_rec": 70,
            "abilities/rec": 25,
            "std": 0,
        }
    )


def test_the_spread_is_that_of_the_runs_totals() -> None:
    records = [record(["1.0", "0.5"], ["rec"]), record(["0.5", "0.2"], ["ocr"])]
    assert metrics(records)["std"] == pytest.approx((75 - 35) / 2)
    printed = TASK.variants[ALL].official(records)["metrics"]
    assert printed["capability"] == {  # type: ignore[index, call-overload]
        "rec": 75.0, "ocr": 35.0, "total": 55.0, "std": 20.0, "runs": [75.0, 35.0],
    }  # fmt: skip


def test_one_run_takes_the_first_and_an_unreadable_one_counts_0() -> None:
    first = record(["0.8", "0.0"], ["rec"], ONE)
    assert (first.score.values["correct"], first.score.answer) == (0.8, "0.8")
    unread = record(["no idea"], ["rec"], ONE)
    assert (unread.score.values["correct"], unread.score.answer) == (0, None)


def test_the_judge_sees_examples_and_ends_at_the_score_to_fill_in() -> None:
    one = record(["1"], ["rec"])
    assert TASK.judge is not None
    text = TASK.judge(one.sample, one.response).text
    assert text.endswith("| 1.0\n\nWho? | cat <AND> dog | a cat | ")
    assert text.count("\nWhat is x in the equation? | -1 <AND> -5 | ") == 5
    assert "Question | Ground truth | Prediction | Correctness\n--- | --- | --- | ---\n" in text


ROW: dict[str, JSON] = {
    "imagename": "v1_0.png",
    "question": "Who?",
    "answer": "cat",
    "capability": ["rec", "ocr"],
}


@pytest.mark.parametrize("folder", ["mm_vet", "mm-vet", "mm-vet/mm-vet"])
def test_the_same_file_is_read_from_llavas_layout(tmp_path: Path, folder: str) -> None:
    write_data({f"{folder}/mm-vet.json": {"v1_0": ROW}}, tmp_path)
    (sample,) = TASK.samples(tmp_path)
    assert (sample.question_id, sample.aliases, sample.prompt.text) == ("v1_0", ("0",), "Who?")
    assert not sample.prompt.padded
    assert sample.groups == {"abilities": "ocr_rec"}


def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path) -> None:
    write_data({"mm_vet/mm-vet.json": {"v1_0": {**ROW, "capability": "rec"}}}, tmp_path)
    with pytest.raises(DataError, match=r"mm-vet.json:1: 'capability' must be a list"):
        list(TASK.samples(tmp_path))
