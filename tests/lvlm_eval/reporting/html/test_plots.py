"""Where marks of a plot stand."""

from __future__ import annotations

import pytest

from lvlm_eval.reporting.html.plots import LEFT, WIDTH, plot
from lvlm_eval.schema import Cell, Table

TABLE = Table(
    "T",
    ("a", "b"),
    ("mme", "pope", "none"),
    {
        ("a", "mme"): Cell(1500.0, 1400.0, 1600.0),
        ("b", "mme"): Cell(None),
        ("a", "pope"): Cell(0.3),
        ("b", "pope"): Cell(0.9, 0.8, 1.0),
    },
)


def test_a_figure_stands_at_its_share_of_the_scale() -> None:
    drawn = plot(TABLE, ["mme"], {"mme": (0.0, 2000.0)})
    assert drawn is not None
    (strip,) = drawn.strips
    mark, absent = strip.marks
    assert mark.x == LEFT + 0.75 * WIDTH
    assert (mark.low, mark.high) == (LEFT + 0.7 * WIDTH, LEFT + 0.8 * WIDTH)
    assert (absent.x, absent.words) == (None, "–")
    assert [text for _, text in strip.ticks] == ["0", "500", "1000", "1500", "2000"]


def test_where_less_is_better_the_scale_still_rises_to_the_right() -> None:
    drawn = plot(TABLE, ["mme"], {"mme": (2000.0, 0.0)})
    assert drawn is not None
    assert drawn.strips[0].marks[0].x == LEFT + 0.75 * WIDTH


def test_a_scale_that_is_not_known_ends_at_a_round_number() -> None:
    drawn = plot(TABLE, TABLE.columns, {}, bars=True)
    assert drawn is not None
    ends = [strip.ticks[-1][1] for strip in drawn.strips]
    assert ends == ["2000", "1"]
    assert drawn.strips[1].marks[0].x == pytest.approx(LEFT + 0.3 * WIDTH, abs=0.1)


def test_columns_without_figures_are_not_drawn() -> None:
    assert plot(TABLE, ["none"], {}) is None


def test_strips_do_not_overlap() -> None:
    drawn = plot(TABLE, TABLE.columns, {})
    assert drawn is not None
    first, second = drawn.strips
    assert first.bottom <= second.y
    assert drawn.height >= second.bottom
