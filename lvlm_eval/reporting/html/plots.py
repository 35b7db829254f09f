"""Where the marks of a plot stand, in pixels of its own drawing; the template draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lvlm_eval.schema import Cell, Table
from lvlm_eval.tables import figure, interval

LEFT, WIDTH, RIGHT = 190, 560, 190  # room for names, for the scale, for figures
LINE, HEAD = 18, 26  # a model's line; what stands above a task's lines
MAX_SERIES = 8  # colours there are; further models begin again with other shapes


@dataclass(frozen=True, slots=True)
class Mark:
    """One model's figure: series number, height, point, ends (None: no interval), words."""

    series: int
    model: str
    y: int
    x: float | None
    low: float | None
    high: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One column of a table as a strip with a scale of its own. ticks: (x, text)."""

    name: str
    y: int
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]

    @property
    def bottom(self) -> int:
        return self.y + HEAD + LINE * len(self.marks)


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing: strips below each other. bars: from the scale's start instead of dots."""

    title: str
    strips: tuple[Strip, ...]
    bars: bool

    @property
    def height(self) -> int:
        return self.strips[-1].bottom + 8

    @property
    def width(self) -> int:
        return LEFT + WIDTH + RIGHT


def plot(
    table: Table,
    columns: Sequence[str],
    ends: Mapping[str, tuple[float, float]],
    *,
    bars: bool = False,
) -> Plot | None:
    """The columns of the table as a plot; None where no column has a figure.

    ends: the scale of a column; others go from 0 to the largest end of an interval.
    """
    strips: list[Strip] = []
    y = 4
    for column in columns:
        cells = {row: table.cells.get((row, column)) for row in table.rows}
        if not any(cell is not None and cell.value is not None for cell in cells.values()):
            continue
        strips.append(_strip(column, y, cells, ends.get(column) or _scale(cells)))
        y = strips[-1].bottom
    return Plot(table.title, tuple(strips), bars) if strips else None


def _strip(name: str, y: int, cells: Mapping[str, Cell | None], ends: tuple[float, float]) -> Strip:
    low, high = min(ends), max(ends)

    def place(value: float | None) -> float | None:
        if value is None:
            return None
        share = (value - low) / (high - low)
        return round(LEFT + WIDTH * min(1.0, max(0.0, share)), 1)

    marks = tuple(
        Mark(
            series=number,
            model=row,
            y=y + HEAD + LINE * number + LINE // 2,
            x=place(cell.value) if cell else None,
            low=place(cell.low) if cell else None,
            high=place(cell.high) if cell else None,
            words=_words(cell),
        )
        for number, (row, cell) in enumerate(cells.items())
    )
    quarters = [low + (high - low) * part / 4 for part in range(5)]
    ticks = tuple((round(LEFT + WIDTH * n / 4, 1), f"{q:g}") for n, q in enumerate(quarters))
    return Strip(name, y, marks, ticks)


def _words(cell: Cell | None) -> str:
    if cell is None or cell.value is None:
        return "–"
    return f"{figure(cell.value)} {interval(cell.low, cell.high)}".strip()


def _scale(cells: Mapping[str, Cell | None]) -> tuple[float, float]:
    """From 0 (or the lowest end below it) to a round number that holds all ends."""
    found = [
        end
        for cell in cells.values()
        if cell is not None
        for end in (cell.value, cell.low, cell.high)
        if end is not None
    ]
    top, bottom = max(found), min(0.0, *found)
    rounded = next(r for r in _ROUND if r >= top or r == _ROUND[-1])
    return bottom, max(rounded, top, bottom + 1e-9)


_ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
