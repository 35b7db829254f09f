"""Tables and their cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Source = Literal["local", "judge", "server", "quoted"]
Rank = Literal["", "best", "level"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of a table, in the paper's unit, with what it stands on.

    note:   what a reader must know of this figure; becomes a footnote.
    text:   what is printed in place of the figure, where it is no plain figure.
    source: marked here by a rule, by a judge model, by a benchmark's server, or quoted.
    rank:   "best" of its column, or "level" with the best: no significant difference.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    failed: int = 0
    note: str = ""
    text: str = ""
    source: Source = "local"
    rank: Rank = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures by row and column; a missing cell is a question never asked.

    corner: what the rows are; about: what a column holds, printed under its name.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    notes: tuple[str, ...] = ()
    corner: str = "model"
    about: Mapping[str, str] = field(default_factory=dict)

    def frame(self) -> pd.DataFrame:
        """A row a cell, unrounded: the row's name under `corner`, "column", the cell's fields."""
        import pandas as pd

        return pd.DataFrame(
            {self.corner: row, "column": column, **asdict(cell)}
            for (row, column), cell in self.cells.items()
        )
