"""Two runs paired: which answers, which test, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvlm_eval.comparison import TaskComparison, compare_runs
from lvlm_eval.errors import Incomplete, NotComparable, UsageError
from lvlm_eval.schema import Decoding
from lvlm_eval.stats import mcnemar
from lvlm_eval.store import RunStore

from .pairs_of_runs import accuracy, marked_run


def compared(first: RunStore, second: RunStore, *allowed: str) -> TaskComparison:
    (found,) = compare_runs(first, second, ["tiny"], lambda _: accuracy, allowed=allowed)
    return found


def test_the_difference_is_second_minus_first_and_every_flip_is_kept(tmp_path: Path) -> None:
    first = marked_run(tmp_path, [1, 1, 1, 0, 1, 0, 1, 1], model="a")
    second = marked_run(tmp_path, [1, 0, 0, 1, 0, 0, 1, 1], model="b")
    found = compared(first, second)
    assert found.values == (75.0, 50.0)
    assert found.difference.value == -25.0
    assert (found.gained, found.lost) == (1, 3)
    assert [flip.question_id for flip in found.flips] == ["q1", "q2", "q3", "q4"]
    assert found.flips[0].answers == ("yes", "no")
    assert found.flips[2].answers == ("no", "yes")


def test_single_right_or_wrong_answers_are_tested_exactly(tmp_path: Path) -> None:
    first = marked_run(tmp_path, [1] * 12 + [0] * 8, model="a")
    second = marked_run(tmp_path, [0] * 9 + [1] * 11, model="b")
    found = compared(first, second)
    assert (found.gained, found.lost, found.test) == (8, 9, "mcnemar")
    assert found.p == mcnemar(8, 9)


def test_questions_on_one_image_are_tested_by_image(tmp_path: Path) -> None:
    """Nine flips one way on one image are one piece of evidence and not nine."""
    first = marked_run(tmp_path, [1] * 30, model="a", size=10)
    second = marked_run(tmp_path, [0] * 9 + [1] * 21, model="b", size=10)
    found = compared(first, second)
    assert found.test == "bootstrap"
    assert found.p == 1.0
    assert mcnemar(0, 9) < 0.01


def test_marks_between_right_and_wrong_are_not_tested_as_coins(tmp_path: Path) -> None:
    first = marked_run(tmp_path, [0.3, 1, 1, 0, 1], model="a")
    second = marked_run(tmp_path, [0.6, 1, 0, 0, 1], model="b")
    found = compared(first, second)
    assert (found.test, found.gained, found.lost) == ("bootstrap", 1, 1)


@pytest.mark.parametrize(("named", "moved"), [("Accuracy", (2, 1)), ("of a part", (None, None))])
def test_without_right_and_wrong_marks_by_the_headlines_name_are_counted_or_none(
    tmp_path: Path, named: str, moved: tuple[int | None, int | None]
) -> None:
    """As those of captions, whose CIDEr is the mean of their own."""
    first = marked_run(tmp_path, [0, 1, 0, 1], model="a", named=named)
    second = marked_run(tmp_path, [1, 0, 1, 1], model="b", named=named)
    found = compared(first, second)
    assert (found.gained, found.lost) == moved
    assert (found.test, len(found.flips)) == ("bootstrap", 3)


def test_a_cluster_that_one_run_did_not_answer_whole_is_left_out(tmp_path: Path) -> None:
    marks = {f"q{i}": float(i % 3 > 0) for i in range(12)}
    first = marked_run(tmp_path, marks, model="a", size=3)
    fewer = {question: mark for question, mark in marks.items() if question != "q11"}
    second = marked_run(tmp_path, fewer, model="b", size=3, asked=12, failed=1)
    found = compared(first, second)
    assert (found.clusters, found.left_out, found.questions) == (3, 1, 9)


def test_every_field_that_differs_is_named(tmp_path: Path) -> None:
    first = marked_run(tmp_path, [1, 0], model="a")
    decoding = Decoding(max_new_tokens=9, temperature=0.5)
    second = marked_run(tmp_path, [1, 0], model="b", mode="blind", decoding=decoding)
    with pytest.raises(NotComparable) as caught:
        compared(first, second)
    for field in ("mode is normal there and blind", "max_new_tokens is 128", "temperature is 0.0"):
        assert field in str(caught.value)
    assert compared(first, second, "mode", "decoding").difference.value == 0.0


def test_an_unknown_field_cannot_be_allowed(tmp_path: Path) -> None:
    run = marked_run(tmp_path, [1, 0])
    with pytest.raises(UsageError, match="no such field; there are data, prompt"):
        compared(run, run, "weights")


def test_other_subsets_are_refused_and_if_allowed_compared_where_both_answered(
    tmp_path: Path,
) -> None:
    first = marked_run(tmp_path, [1, 0, 1, 1], model="a")
    second = marked_run(tmp_path, [0, 0], model="b")
    with pytest.raises(NotComparable, match=r"limit \(questions asked\) is 4 there and 2 here"):
        compared(first, second)
    found = compared(first, second, "limit")
    assert (found.questions, found.left_out) == (2, 2)
    assert found.values == (50.0, 0.0)


def test_runs_without_a_common_question_are_refused(tmp_path: Path) -> None:
    first = marked_run(tmp_path, {"q1": 1.0}, model="a")
    second = marked_run(tmp_path, {"q2": 1.0}, model="b")
    with pytest.raises(NotComparable, match="share no answered question"):
        compared(first, second)


def test_a_run_that_is_not_marked_yet_is_incomplete(tmp_path: Path) -> None:
    first = marked_run(tmp_path, [1, 0], model="a")
    second = marked_run(tmp_path, [1, 0], model="b")
    (second.task("tiny").folder / "summary.json").unlink()
    with pytest.raises(Incomplete, match="stopped half-way"):
        compared(first, second)


def test_one_item_has_a_difference_and_no_test(tmp_path: Path) -> None:
    found = compared(marked_run(tmp_path, [1], model="a"), marked_run(tmp_path, [0], model="b"))
    assert found.difference.value == -100.0
    assert (found.p, found.difference.low, found.detectable) == (None, None, None)
