"""Means over columns: only of what belongs together, on one scale, with an interval."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvlm_eval.reporting.averages import (
    EIGHT,
    average_of_eight,
    common_columns,
    normalised_mean,
    note_on_mean,
)
from lvlm_eval.reporting.published import published
from lvlm_eval.schema import Cell

LABELS = tuple(labels[0] for labels in EIGHT.values())


def cells_of(figures: dict[str, float]) -> dict[tuple[str, str], Cell]:
    """A row's cells, VQAv2's and VizWiz's from the server."""
    on_server = ("vqav2_testdev", "vizwiz_test")
    return {
        ("m", label): Cell(value, source="server" if label in on_server else "local")
        for label, value in figures.items()
    }


@pytest.mark.parametrize("row", published().rows[:5], ids=lambda row: row.model)
def test_the_average_of_eight_is_the_one_that_the_authors_print(row: object) -> None:
    quoted = next(r for r in published().rows if r is row)
    figures = {labels[0]: quoted.figures[name] for name, labels in EIGHT.items()}
    cell = average_of_eight("m", [*LABELS, "mme"], cells_of({**figures, "mme": 1400.0}))
    assert cell.value is not None
    assert round(cell.value, 1) == quoted.average


@pytest.mark.parametrize("missing", LABELS)
def test_there_is_no_average_of_seven(missing: str) -> None:
    figures = {label: 50.0 for label in LABELS if label != missing}
    cell = average_of_eight("m", LABELS, cells_of(figures))
    assert (cell.value, cell.text) == (None, "–")


def test_a_local_figure_is_not_taken_for_the_server_s() -> None:
    cells = cells_of(dict.fromkeys(LABELS, 50.0))
    cells["m", "vqav2_testdev"] = replace(cells["m", "vqav2_testdev"], source="local")
    assert average_of_eight("m", LABELS, cells).value is None


def test_the_mean_brings_every_column_to_one_scale() -> None:
    cells = {
        ("m", "pope"): Cell(80.0, 77.0, 82.0),
        ("m", "mme"): Cell(1500.0, 1420.0, 1560.0),
        ("m", "chair"): Cell(20.0, 18.0, 24.0),
    }
    ends = {"pope": (0.0, 100.0), "mme": (0.0, 2000.0), "chair": (100.0, 0.0)}
    cell = normalised_mean("m", ["pope", "mme", "chair"], cells, ends)
    assert cell.value == pytest.approx((80 + 75 + 80) / 3)
    assert cell.low == pytest.approx(235 / 3 - (3**2 + 4**2 + 4**2) ** 0.5 / 3)
    assert cell.high == pytest.approx(235 / 3 + (2**2 + 3**2 + 2**2) ** 0.5 / 3)
    assert note_on_mean(["pope", "mme", "chair"], ends) == (
        "normalised mean: of pope, mme / 20, chair (from 100.0 to 0.0), each on a scale of 0 to 100"
    )


def test_a_column_without_an_interval_leaves_the_mean_without_one() -> None:
    cells = {("m", "a"): Cell(80.0, 77.0, 82.0), ("m", "b"): Cell(60.0)}
    ends = {"a": (0.0, 100.0), "b": (0.0, 100.0)}
    assert normalised_mean("m", ["a", "b"], cells, ends) == Cell(70.0)


def test_common_columns_are_those_that_every_row_measured_itself() -> None:
    cells = {
        ("m", "a"): Cell(1.0), ("n", "a"): Cell(2.0),
        ("m", "b"): Cell(1.0), ("n", "b"): Cell(None),
        ("m", "c"): Cell(1.0), ("n", "c"): Cell(2.0, source="server"),
        ("m", "d"): Cell(1.0),
    }  # fmt: skip
    assert common_columns(["m", "n"], ["a", "b", "c", "d"], cells) == ["a"]
