"""NaturalBench: the authors' four scores, restated, on groups of generated answers."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.metrics import add_up
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import Record, Response

from ..lvlm_eval.answers.generated import answers
from .hub_files import write_split

GROUPS = 600
TASK = load_task("naturalbench")


def row(index: int) -> dict[str, object]:
    """The first question is right on the first picture, the second on the other, as in all rows."""
    yes, no = ("Yes", "No") if index % 2 else ("A", "B")
    return {
        "Index": index,
        "Question_0": "Is it?",
        "Question_1": "Is it not?",
        "Question_Type": "yes_no" if index % 2 else "multiple_choice",
        "Image_0_Question_0": yes,
        "Image_1_Question_0": no,
        "Image_0_Question_1": no,
        "Image_1_Question_1": yes,
        "Source": "Flickr30k",
    }


def write(root: Path, *rows: dict[str, object]) -> Path:
    file = root / "naturalbench/data/train-00000-of-00001.parquet"
    write_split(file, rows, {"Image_0": None, "Image_1": None})
    return root


def restated(read: Sequence[Sequence[int]]) -> dict[str, float]:
    """Each group is what is read as 1 (yes, A), 0 (no, B) or -1 of q0i0, q0i1, q1i0, q1i1."""
    right = [[a == b for a, b in zip(group, (1, 0, 0, 1), strict=True)] for group in read]
    return {
        "acc": fmean(cell for group in right for cell in group),
        "q_acc": fmean(pair for a, b, c, d in right for pair in (a and b, c and d)),
        "i_acc": fmean(pair for a, b, c, d in right for pair in (a and c, b and d)),
        "g_acc": fmean(all(group) for group in right),
    }


def test_the_authors_scores_are_kept_on_thousands_of_answers(tmp_path: Path) -> None:
    samples = list(TASK.samples(write(tmp_path, *(row(i) for i in range(GROUPS)))))
    texts = answers({"A": "yes", "B": "no"}, len(samples), seed=11)
    clusters: dict[str, list[Record]] = {}
    for sample, text in zip(samples, texts, strict=True):
        response = Response(sample.question_id, text, "stop")
        record = Record(sample, response, TASK.scorer.score(sample, response))
        clusters.setdefault(sample.cluster, []).append(record)
    figures = TASK.scorer.finish(add_up(map(TASK.scorer.tally, clusters.values())))
    numbers = {"Yes": 1, "A": 1, "No": 0, "B": 0, None: -1}
    read = [[numbers[r.score.answer] for r in group] for group in clusters.values()]
    assert figures == pytest.approx(restated(read))
    assert 0 < figures["g_acc"] < figures["q_acc"] < figures["acc"] < 1


def test_a_row_asks_both_questions_of_both_pictures(tmp_path: Path) -> None:
    samples = list(TASK.samples(write(tmp_path, row(7))))
    assert [s.question_id for s in samples] == ["7/q0i0", "7/q0i1", "7/q1i0", "7/q1i1"]
    assert [s.target for s in samples] == ["Yes", "No", "No", "Yes"]
    assert samples[0].prompt.text == "Is it?Please answer Yes or No."
    assert samples[0].prompt.images != samples[1].prompt.images


def test_half_a_group_counts_for_its_answers_alone(tmp_path: Path) -> None:
    first, *_ = TASK.samples(write(tmp_path, row(7)))
    response = Response(first.question_id, "Yes", "stop")
    record = Record(first, response, TASK.scorer.score(first, response))
    assert TASK.scorer.finish(TASK.scorer.tally([record])) == {"acc": 1.0}


def test_an_answer_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"parquet:1: an answer must be one of \('Yes', 'No'\)"):
        list(TASK.samples(write(tmp_path, row(7) | {"Image_0_Question_0": "A"})))
