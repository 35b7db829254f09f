"""Figures on the paper's scale and the notes that go with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvlm_eval.reporting.cells import beside, cell_of, share_of
from lvlm_eval.schema import Cell, Estimate, Summary


@pytest.fixture
def whole(pope: Summary) -> Summary:
    """A result that nothing needs to be said about."""
    return replace(pope, n=300, failed=0)


def lenient(summary: Summary, value: float) -> Summary:
    more = {"lenient/f1_mean": Estimate(value, value, value)}
    return replace(summary, metrics={**summary.metrics, **more})


def test_a_figure_is_shown_on_the_paper_s_scale(whole: Summary) -> None:
    cell = cell_of(whole, "f1_mean")
    assert (cell.value, cell.low, cell.high) == pytest.approx((85.12, 80.23, 90.34))
    assert (cell.n, cell.failed, cell.note) == (300, 0, "")


def test_failed_and_unanswered_questions_are_told_apart(pope: Summary) -> None:
    cell = cell_of(replace(pope, n=280), "f1_mean")
    assert "incomplete: 11 of 300 questions have no answer yet" in cell.note
    assert "9 of 300 answers failed" in cell.note


def test_answers_that_nobody_could_mark_are_no_missing_ones(whole: Summary) -> None:
    note = cell_of(replace(whole, n=299, unjudged=1), "f1_mean").note
    assert note == "1 of 300 answers could not be marked and are left out"


def test_a_part_of_the_questions_is_called_partial(mme: Summary) -> None:
    note = cell_of(mme, "existence/score").note
    assert "partial: 40 of 80 questions asked" in note
    assert note.endswith("this copy of the data has no landmark")


def test_an_absent_part_is_named_once_for_all_its_figures(whole: Summary) -> None:
    summary = replace(whole, absent=("popular/f1", "popular/accuracy", "mean_f1"))
    assert cell_of(summary, "f1_mean").note.endswith("has no popular, mean_f1")


def test_what_the_data_could_not_give_has_no_value(mme: Summary) -> None:
    assert cell_of(mme, "landmark/score").value is None


@pytest.mark.parametrize(("value", "flagged"), [(0.8563, True), (0.8561, False), (0.8461, True)])
def test_a_reader_that_costs_more_than_half_a_point_is_flagged(
    whole: Summary, value: float, flagged: bool
) -> None:
    note = cell_of(lenient(whole, value), "f1_mean").note
    assert ("the official reader is strict here" in note) == flagged


def test_the_flag_says_what_the_lenient_reader_gives(whole: Summary) -> None:
    assert "gives 91.2 (+6.1)" in cell_of(lenient(whole, 0.9122), "f1_mean").note
    assert cell_of(lenient(whole, 0.9122), "random/accuracy").note == ""


def test_a_missing_interval_and_one_without_width_are_explained(whole: Summary) -> None:
    metrics = {"f1_mean": Estimate(1.0, 1.0, 1.0), "random/accuracy": Estimate(0.5, None, None)}
    summary = replace(whole, metrics=metrics)
    assert "no width" in cell_of(summary, "f1_mean").note
    assert "rests on a single cluster" in cell_of(summary, "random/accuracy").note


def test_another_scorer_s_figure_stands_beside_the_headline(whole: Summary) -> None:
    assert beside(whole, Estimate(84.04, 79.0, 89.0)).text == "84.0 (-1.1)"
    assert beside(whole, Estimate(85.11, 79.0, 89.0)).text == "85.1 (+0.0)"
    assert beside(whole, Estimate(None, None, None)).text == "-"


def test_a_share_of_nothing_has_no_value() -> None:
    assert share_of(3, 12) == Cell(25.0)
    assert share_of(0, 0) == Cell(None)
