"""`lvlm-eval record`: a server's figure entered for a run, marked as such, without interval."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import typer

from lvlm_eval.commands.output import show_json
from lvlm_eval.errors import UsageError
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import Task
from lvlm_eval.server_figures import ServerFigure, enter_server_figure
from lvlm_eval.store import find_run
from lvlm_eval.task_store import TaskStore


@dataclass(frozen=True, slots=True)
class Entry:
    """What was typed: a metric of the task, its figure, and the page that shows it."""

    metric: str
    value: float
    source: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise UsageError(f"VALUE must be a number, got {self.value}")
        address = urlsplit(self.source)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise UsageError(
                f"--source {self.source!r} must be the http(s) address of the page that shows the "
                "figure: nobody could check it otherwise"
            )


def record(
    run: str, label: str, entry: Entry, results: Path, files: Sequence[Path], *, as_json: bool
) -> None:
    """Keep the figure beside the run's answers; says what it takes the place of."""
    store = answered(run, label, results)
    task = load_task(label.partition("@")[0], files)
    if entry.metric not in (names := _metrics(task)):
        raise UsageError(f"{label} has no metric {entry.metric!r}; there are {', '.join(names)}")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    figure = ServerFigure(entry.metric, entry.value, entry.source, today)
    replaced = enter_server_figure(store.folder, figure)
    if as_json:
        show_json({"folder": str(store.folder), "figure": asdict(figure)})
        return
    before = f" (before: {replaced.value:g} of {replaced.source})" if replaced else ""
    typer.echo(f"{store.folder}: {figure.metric} {figure.value:g} of {figure.source}{before}")


def answered(run: str, label: str, results: Path) -> TaskStore:
    """The store of a run's task that has been asked; UsageError lists those that have."""
    found = find_run(run, results, to_write=True)
    stores = {store.label: store for store in found.tasks()}
    if label not in stores:
        there = ", ".join(stores) or "none"
        raise UsageError(f"{found.folder} has no answers to {label!r}; it has: {there}")
    return stores[label]


def _metrics(task: Task) -> list[str]:
    """The metrics that tables know of a task."""
    return list(dict.fromkeys((task.scorer.headline, *task.shown, *task.expected)))
