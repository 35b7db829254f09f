"""One figure over several columns: MoE-LLaVA's own average, and a mean on a common scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lvlm_eval.reporting.columns import benchmark_of, column_of
from lvlm_eval.reporting.results import Result
from lvlm_eval.schema import Cell
from lvlm_eval.tables import NOTHING, figure

# MoE-LLaVA's "Avg": the nine columns of its README without MME, each by the labels that mean
# the split of its table. Its VQAv2 and VizWiz figures are the server's.
EIGHT: Mapping[str, tuple[str, ...]] = {
    "vqav2": ("vqav2_testdev", "vqav2"),
    "gqa": ("gqa",),
    "vizwiz": ("vizwiz_test", "vizwiz"),
    "scienceqa": ("scienceqa",),
    "textvqa": ("textvqa",),
    "pope": ("pope",),
    "mmbench_en": ("mmbench_en_dev_20230712", "mmbench_en"),
    "mm_vet": ("mm_vet",),
}
FROM_SERVER = ("vqav2", "vizwiz")

Cells = Mapping[tuple[str, str], Cell]


def average_of_eight(row: str, columns: Sequence[str], cells: Cells) -> Cell:
    """MoE-LLaVA's average of the row; `–` unless all eight of its columns are there."""
    found = {}
    for name, labels in EIGHT.items():
        cell = next((cells[row, x] for x in labels if x in columns and (row, x) in cells), None)
        if cell is None or cell.value is None:
            return Cell(None, text=NOTHING)
        if name in FROM_SERVER and cell.source != "server":
            return Cell(None, text=NOTHING)
        found[name] = cell
    values = [cell.value for cell in found.values() if cell.value is not None]
    return Cell(sum(values) / len(values), source="server")


def common_columns(rows: Sequence[str], columns: Sequence[str], cells: Cells) -> list[str]:
    """The columns in which every row has a figure of its own."""
    return [c for c in columns if all(_own(cells.get((row, c))) for row in rows)]


def normalised_mean(
    row: str, columns: Sequence[str], cells: Cells, ends: Mapping[str, tuple[float, float]]
) -> Cell:
    """The mean over the columns, each brought to 0..100 by the ends of its scale.

    ends: worst and best of a column in the paper's unit. The interval adds the columns'
    variances, as of independent questions; without it where a column has none.
    """
    value, below, above = 0.0, 0.0, 0.0
    for column in columns:
        cell, (worst, best) = cells[row, column], ends[column]
        assert cell.value is not None
        value += _scaled(cell.value, worst, best)
        if cell.low is None or cell.high is None:
            below = above = math.nan
            continue
        low, high = sorted(_scaled(end, worst, best) for end in (cell.low, cell.high))
        below += (_scaled(cell.value, worst, best) - low) ** 2
        above += (high - _scaled(cell.value, worst, best)) ** 2
    n = len(columns)
    if math.isnan(below):
        return Cell(value / n)
    return Cell(value / n, (value - math.sqrt(below)) / n, (value + math.sqrt(above)) / n)


def note_on_mean(columns: Sequence[str], ends: Mapping[str, tuple[float, float]]) -> str:
    """Which columns the normalised mean is of, and what was done to each."""
    parts = [f"{column}{_division(*ends[column])}" for column in columns]
    return f"normalised mean: of {', '.join(parts)}, each on a scale of 0 to 100"


def note_on_eight() -> str:
    titles = ", ".join(column_of(name).title for name in EIGHT)
    return (
        f"average of eight: MoE-LLaVA's own, of {titles} (MME left out); – where one of them is "
        "missing, or VQAv2 or VizWiz is not the server's figure"
    )


def is_of_eight(label: str) -> bool:
    """Whether the column can count in MoE-LLaVA's average; bundled data cannot."""
    return label in EIGHT.get(benchmark_of(label), ())


def ends_of(results: Sequence[Result]) -> dict[str, tuple[float, float]]:
    """The ends of each task's scale, worst and best."""
    return {r.label: (r.summary.worst, r.summary.best) for r in results}


def _own(cell: Cell | None) -> bool:
    return cell is not None and cell.value is not None and cell.source in ("local", "judge")


def _scaled(value: float, worst: float, best: float) -> float:
    return 100 * (value - worst) / (best - worst)


def _division(worst: float, best: float) -> str:
    if (worst, best) == (0, 100):
        return ""
    if worst == 0:
        return f" / {best / 100:g}"
    return f" (from {figure(worst)} to {figure(best)})"
