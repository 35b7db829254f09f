"""Figures that authors published, quoted beside measured ones and never mixed with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import yaml

from lvlm_eval.durable import parse
from lvlm_eval.reporting.columns import benchmark_of, column_of, in_order
from lvlm_eval.reporting.results import data_of
from lvlm_eval.schema import Cell, Table
from lvlm_eval.tables import NOTHING

AVERAGE = "average of eight"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the figures of a column are; judge: a model, "server", or "none"."""

    metric: str
    split: str
    judge: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """A model's published figures by benchmark, in the paper's unit; average: as printed."""

    model: str
    activated: str
    source: str
    figures: Mapping[str, float]
    average: float | None = None
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Published:
    """`published.yaml`. sources: by the name that rows give, where it can be read."""

    sources: Mapping[str, str]
    columns: Mapping[str, Meaning]
    rows: Sequence[Quoted]


@cache
def published() -> Published:
    content = yaml.safe_load(files(__package__).joinpath("published.yaml").read_text("utf-8"))
    return parse(Published, content, "published.yaml")


def published_table(labels: Sequence[str]) -> Table | None:
    """The quoted rows for these columns; None where they are of bundled data or none is quoted."""
    quoted = published()
    asked = {benchmark_of(label) for label in labels if not data_of(label)}
    columns = [name for name in in_order(quoted.columns) if name in asked]
    if not columns:
        return None
    cells: dict[tuple[str, str], Cell] = {}
    for row in quoted.rows:
        cells[row.model, "activated"] = Cell(None, text=row.activated, source="quoted")
        for name in columns:
            cells[row.model, column_of(name).title] = _cell(row, name, row.figures.get(name))
        cells[row.model, AVERAGE] = _cell(row, "average", row.average)
    about = {column_of(name).title: _about(quoted.columns[name]) for name in columns}
    return Table(
        "Published figures, quoted",
        tuple(row.model for row in quoted.rows),
        ("activated", *about, AVERAGE),
        cells,
        (
            "quoted from the authors, not measured here; splits, prompts and judges may differ",
            *(f"{models}: {source}" for models, source in _sources(quoted)),
        ),
        about=about | {AVERAGE: "without MME"},
    )


def _cell(row: Quoted, name: str, value: float | None) -> Cell:
    text = NOTHING if value is None else ""
    return Cell(value, text=text, note=row.notes.get(name, ""), source="quoted")


def _about(meaning: Meaning) -> str:
    judge = "" if meaning.judge == "none" else f"\nby {meaning.judge}"
    return f"{meaning.metric}\n{meaning.split}{judge}"


def _sources(quoted: Published) -> list[tuple[str, str]]:
    """Which rows come from where."""
    return [
        (", ".join(row.model for row in quoted.rows if row.source == name), source)
        for name, source in quoted.sources.items()
    ]
