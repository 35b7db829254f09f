"""A Table as text: for the terminal, for a pipe, as Markdown and as JSON. No colour anywhere."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lvlm_eval.schema import JSON, Rank, Table

if TYPE_CHECKING:
    from rich.console import RenderableType

GAP = 3  # columns between two cells on a terminal, borders included
UNLIMITED = 100_000
NOTHING = "–"  # the text of a cell that has no figure and needs no explanation
PLAIN_RANKS: Mapping[Rank, str] = {"": "", "best": "*", "level": "≈"}


def render(table: Table, width: int | None = None) -> str:
    """The table as aligned text.

    With a width, for a terminal: no line is longer, tables too wide are cut into several below
    each other, each with the row names. Without, for a pipe: one line a row, never wrapped.
    """
    from rich.text import Text

    sheet = Sheet.of(table)
    parts: list[RenderableType] = [Text(table.title)]
    parts += [_grid(sheet, columns, width) for columns in _blocks(sheet, width)]
    parts += [Text(line) for line in sheet.footnotes]
    return _draw(parts, width)


def markdown(table: Table, level: int = 2) -> str:
    """The table as GitHub Markdown under a heading, its notes as a list below.

    Whatever a name or note holds, it cannot end a cell, open a link or a tag.
    """
    sheet = Sheet.of(table)
    heads = ["<br>".join(map(escape, sheet.heading(column))) for column in table.columns]
    rules = ["---" if sheet.is_text(column) else "---:" for column in table.columns]
    lines = [_row([escape(table.corner), *heads]), _row(["---", *rules])]
    for row in table.rows:
        cells = (_in_markdown(sheet.parts(row, column)) for column in table.columns)
        lines.append(_row([escape(row), *cells]))
    notes = [f"- {escape(note)}" for note in sheet.footnotes]
    title = f"{'#' * level} {escape(table.title)}"
    return "\n".join([title, "", *lines, *([""] if notes else []), *notes]) + "\n"


def to_json(table: Table) -> dict[str, JSON]:
    """The table's figures, unrounded, as a list of cells with row and column."""
    cells: list[JSON] = []
    for (row, column), cell in table.cells.items():
        figures: dict[str, JSON] = {"value": cell.value, "low": cell.low, "high": cell.high}
        counts: dict[str, JSON] = {"n": cell.n, "failed": cell.failed}
        words: dict[str, JSON] = {"note": cell.note, "text": cell.text}
        marks: dict[str, JSON] = {"source": cell.source, "rank": cell.rank}
        cells.append({"row": row, "column": column} | figures | counts | words | marks)
    return {
        "title": table.title,
        "corner": table.corner,
        "rows": table.rows,
        "columns": table.columns,
        "about": table.about,
        "cells": cells,
        "notes": table.notes,
    }


def figure(value: float | None) -> str:
    """One decimal; two significant digits where that would show nothing; `-` for no value."""
    if value is None:
        return "-"
    text = f"{value:.1f}"
    if float(text) != 0:
        return text
    return f"{value:.2g}" if value else "0.0"


def interval(low: float | None, high: float | None) -> str:
    """The interval in brackets; empty where there is none."""
    return "" if low is None or high is None else f"[{figure(low)}, {figure(high)}]"


def escape(text: str) -> str:
    """The text with all that Markdown would read as structure made plain, on one line.

    Of a link only the middle is broken, so that intervals stay readable in the raw file.
    """
    return re.sub(r"([\\|`*<]|\](?=[(\[:]))", r"\\\1", " ".join(text.split()))


@dataclass(frozen=True, slots=True)
class Parts:
    """A cell in words: its figure or text, interval, who gave it, number of its note."""

    value: str
    interval: str = ""
    source: str = ""
    note: str = ""
    rank: Rank = ""

    def words(self) -> tuple[str, str, str]:
        return self.value, self.interval, self.source


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its cells in words and its notes numbered."""

    table: Table
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, table: Table) -> Sheet:
        places = ((row, column) for row in table.rows for column in table.columns)
        notes = (table.cells[place].note for place in places if place in table.cells)
        distinct = dict.fromkeys(note for note in notes if note)
        return cls(table, {note: number for number, note in enumerate(distinct, start=1)})

    @property
    def footnotes(self) -> list[str]:
        return [*(f"^{number} {note}" for note, number in self.numbers.items()), *self.table.notes]

    def heading(self, column: str) -> list[str]:
        return [column, *self.table.about.get(column, "").splitlines()]

    def parts(self, row: str, column: str) -> Parts:
        """The cell in words; empty ones where there is no cell."""
        cell = self.table.cells.get((row, column))
        if cell is None:
            return Parts("")
        ends = "" if cell.text else interval(cell.low, cell.high)
        source = f"({cell.source})" if cell.source in ("server", "judge") else ""
        note = f"^{self.numbers[cell.note]}" if cell.note else ""
        return Parts(cell.text or figure(cell.value), ends, source, note, cell.rank)

    def text(self, row: str, column: str) -> str:
        parts = self.parts(row, column)
        return " ".join(filter(None, [*parts.words(), PLAIN_RANKS[parts.rank], parts.note]))

    def is_text(self, column: str) -> bool:
        """Whether the column holds words, which stand at the left, and no figures."""
        cells = [self.table.cells.get((row, column)) for row in self.table.rows]
        worded = [cell for cell in cells if cell is not None and cell.value is None]
        return any(cell.text not in ("", NOTHING) for cell in worded)

    def width(self, column: str) -> int:
        """The room that the column takes on a line where nothing is wrapped."""
        from rich.cells import cell_len

        texts = [self.text(row, column) for row in self.table.rows]
        return max(cell_len(text) for text in [*self.heading(column), *texts])

    def stub(self) -> int:
        """The room that the row names take."""
        from rich.cells import cell_len

        return max(cell_len(name) for name in [self.table.corner, *self.table.rows])


def _in_markdown(parts: Parts) -> str:
    """The cell, its figure bold where it is the best."""
    value, *rest = map(escape, parts.words())
    value = f"**{value}**" if parts.rank == "best" else value
    level = "≈" if parts.rank == "level" else ""
    return " ".join(filter(None, [value, *rest, level, escape(parts.note)]))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _blocks(sheet: Sheet, width: int | None) -> list[list[str]]:
    """The columns, in order, cut into runs that fit beside the row names."""
    room = UNLIMITED if width is None else width - sheet.stub() - GAP
    blocks: list[list[str]] = [[]]
    taken = 0
    for column in sheet.table.columns:
        needed = sheet.width(column) + GAP
        if blocks[-1] and taken + needed > room:
            blocks.append([])
            taken = 0
        blocks[-1].append(column)
        taken += needed
    return blocks


def _grid(sheet: Sheet, columns: Sequence[str], width: int | None) -> RenderableType:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None if width is None else box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column(Text(sheet.table.corner), overflow="fold", vertical="bottom")
    for column in columns:
        grid.add_column(
            Text("\n".join(sheet.heading(column))),
            justify="left" if sheet.is_text(column) else "right",
            overflow="fold",
        )
    for row in sheet.table.rows:
        grid.add_row(Text(row), *(Text(sheet.text(row, column)) for column in columns))
    return grid


def _draw(parts: Sequence[RenderableType], width: int | None) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width or UNLIMITED, color_system=None)
    with console.capture() as captured:
        for part in parts:
            console.print(part, highlight=False)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().rstrip("\n").split("\n"))
