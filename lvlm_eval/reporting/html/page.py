"""The page itself: tables, plots and browser put together, and what it may load: nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from lvlm_eval.reporting.averages import ends_of
from lvlm_eval.reporting.html.browsing import Browsing
from lvlm_eval.reporting.html.packing import Block, blocks
from lvlm_eval.reporting.html.plots import MAX_SERIES, Plot, plot
from lvlm_eval.reporting.html.samples import Browsed, browse
from lvlm_eval.reporting.results import Found
from lvlm_eval.schema import Table
from lvlm_eval.tables import Sheet

if TYPE_CHECKING:
    import jinja2

THUMBS_A_BLOCK = 64
SCRIPTS = ("unpack.js", "tables.js", "samples.js", "browser.js")


@dataclass(frozen=True, slots=True)
class Section:
    """Tables under one heading, each with its plot where it has one."""

    title: str
    anchor: str
    sheets: tuple[tuple[Sheet, Plot | None], ...]


def page(
    found: Found,
    tables: Mapping[str, Sequence[Table]],
    browsing: Browsing,
) -> str:
    """The page as text. tables: by the heading under which they stand.

    All that models and data say is either escaped by the template or packed.
    """
    ends = ends_of(found.results)
    sections = [_section(title, group, ends) for title, group in tables.items() if group]
    browsed = list(browse(found.results, browsing))
    style, script = _text("page.css"), "\n".join(map(_text, SCRIPTS))
    return _template().render(
        sections=sections,
        tasks=browsed,
        blocks=_blocks(browsed, browsing),
        thumbs_a_block=THUMBS_A_BLOCK,
        thumbs=len(browsing.thumbs),
        note=_note(browsed, browsing),
        runs=[row for row, _ in found.rows],
        series=MAX_SERIES,
        style=style,
        script=script,
        policy=_policy(style, script),
    )


def _section(
    title: str, tables: Sequence[Table], ends: Mapping[str, tuple[float, float]]
) -> Section:
    anchor = title.partition(",")[0].lower().replace(" ", "-")
    return Section(
        title, anchor, tuple((Sheet.of(table), _plot(title, table, ends)) for table in tables)
    )


def _plot(title: str, table: Table, ends: Mapping[str, tuple[float, float]]) -> Plot | None:
    """Dots with intervals for the leaderboard's tasks, bars for details."""
    if title == "Leaderboard":
        return plot(table, [c for c in table.columns if c in ends], ends)
    if title == "Details":
        return plot(table, table.columns, {}, bars=True)
    return None


def _blocks(browsed: Sequence[Browsed], browsing: Browsing) -> list[Block]:
    own = [one for task in browsed for one in task.blocks]
    return [*own, *blocks("thumbs", list(browsing.thumbs), THUMBS_A_BLOCK)]


def _note(browsed: Sequence[Browsed], browsing: Browsing) -> str:
    cut = [
        f"{task.label}: {task.shown:,} of {task.total:,} questions, evenly spaced"
        for task in browsed
        if task.shown < task.total
    ]
    silent = [
        f"{task.label}: no texts of {', '.join(task.silent)}, marks alone"
        for task in browsed
        if task.silent
    ]
    return "; ".join(filter(None, [*cut, *silent, browsing.note]))


def _policy(style: str, script: str) -> str:
    """What the page may do: run its own script, wear its own style, show pictures it holds."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_text("page.html.jinja"))
