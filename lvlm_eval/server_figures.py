"""Figures that a benchmark's server gave for a run's answers, kept apart from our own.

    <run>/<task>/server.json     {"figures": [{"metric", "value", "source", "entered"}]}

Such a figure is what somebody read on a page and typed: it stands on the scale that the server
prints, has no interval, and is never mixed into `summary.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lvlm_eval.durable import parse, read_json, write_json

FILE = "server.json"


@dataclass(frozen=True, slots=True)
class ServerFigure:
    """One figure of a server.

    value:   as the server prints it (VQAv2: percent), which is the paper's scale.
    source:  the page where it can be seen.
    entered: the date on which it was typed in, YYYY-MM-DD.
    """

    metric: str
    value: float
    source: str
    entered: str


@dataclass(frozen=True, slots=True)
class _Figures:
    figures: Sequence[ServerFigure]


def read_server_figures(task_folder: Path) -> dict[str, ServerFigure]:
    """The server's figures of a run's task by metric; empty where none was entered."""
    file = task_folder / FILE
    if not file.exists():
        return {}
    found = parse(_Figures, read_json(file), str(file))
    return {figure.metric: figure for figure in found.figures}


def enter_server_figure(task_folder: Path, figure: ServerFigure) -> ServerFigure | None:
    """Keep a figure; gives the one of the same metric that it takes the place of, if any."""
    known = read_server_figures(task_folder)
    replaced = known.get(figure.metric)
    kept = known | {figure.metric: figure}
    ordered = tuple(kept[metric] for metric in sorted(kept))
    write_json(task_folder / FILE, asdict(_Figures(ordered)))
    return replaced
