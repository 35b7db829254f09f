"""Stored runs to tables: leaderboard, details, other scorers' figures, a run's end.

Reads summaries only: no task, no model, no answers. What tables look like is `tables.py`,
which files they go to is `leaderboard.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lvlm_eval.cells import beside, cell_of, count_of, share_of
from lvlm_eval.comparable import Asked, check_comparable
from lvlm_eval.errors import UsageError
from lvlm_eval.rows import name_rows, plain_name
from lvlm_eval.schema import Cell, Run, Summary, Table
from lvlm_eval.store import RunStore
from lvlm_eval.tables import figure, interval
from lvlm_eval.task_store import TaskStore

RUN_COLUMNS = (
    "metric", "value", "95 % interval", "n", "failed", "unparsed %", "cut off %", "seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """One marked task of one run, under the name of its row."""

    row: str
    run: Run
    run_id: str
    store: TaskStore
    summary: Summary

    @property
    def label(self) -> str:
        return self.store.label


def results(stores: Iterable[RunStore]) -> list[Result]:
    """Every marked task of the runs, by row and task; a run given twice counts once.

    Raises UsageError if nothing is marked.
    """
    found = [
        Result(row, store.run, store.run_id, task, summary)
        for row, store in name_rows(stores)
        for task in store.tasks()
        if (summary := task.summary()) is not None
    ]
    if not found:
        raise UsageError("no marked results to report; `lvlm-eval run` makes some")
    return found


def leaderboard(stores: Sequence[RunStore], metric: str = "headline") -> list[Table]:
    """Models by tasks; tasks of the bundled data stand in a table of their own.

    metric: "headline", "lenient" (the lenient form of the headline), or any metric's name;
    tasks without it are left out and named. Raises NotComparable where the rows of a column
    were not asked or marked alike, UsageError where no task has the metric.
    """
    found = results(stores)
    shown = [r for r in found if _has(r.summary, metric)]
    if not shown:
        raise UsageError(f"no task of these runs has the metric {metric!r}")
    without = sorted({r.label for r in found} - {r.label for r in shown})
    tables = []
    for data in sorted({_data(r.label) for r in shown}):
        chosen = [r for r in shown if _data(r.label) == data]
        for label in _unique(r.label for r in chosen):
            check_comparable(label, _asked(chosen, label))
        left_out = [label for label in without if _data(label) == data]
        tables.append(_leaderboard_table(chosen, metric, data, left_out))
    return tables


def details(stores: Sequence[RunStore]) -> list[Table]:
    """A table a task: the metrics that the task wants shown, for each model."""
    found = results(stores)
    tables = []
    for label in sorted({r.label for r in found}):
        chosen = [r for r in found if r.label == label]
        check_comparable(label, _asked(chosen, label))
        cells = {
            (r.row, name): cell_of(r.summary, name) for r in chosen for name in r.summary.shown
        }
        columns = _unique(name for r in chosen for name in r.summary.shown)
        if columns:
            rows = _unique(r.row for r in chosen)
            tables.append(Table(f"{label}: details", rows, columns, cells))
    return tables


def differences(stores: Sequence[RunStore]) -> list[Table]:
    """A table a task: what other known scorers make of the same answers, and why.

    Beside each figure stands its distance to the headline, in the paper's unit.
    """
    found = [r for r in results(stores) if r.summary.variants]
    tables = []
    for label in sorted({r.label for r in found}):
        chosen = [r for r in found if r.label == label]
        check_comparable(label, _asked(chosen, label))
        tables.append(_differences_table(label, chosen))
    return tables


def run_table(store: RunStore) -> Table:
    """What a run ends with: a line a task."""
    cells: dict[tuple[str, str], Cell] = {}
    tasks = store.tasks()
    for task in tasks:
        line = _run_line(task, task.summary())
        cells |= {(task.label, column): cell for column, cell in line.items()}
    title = f"{plain_name(store.run)}, run {store.run_id}"
    return Table(title, tuple(t.label for t in tasks), RUN_COLUMNS, cells, corner="task")


def _leaderboard_table(
    chosen: Sequence[Result], metric: str, data: str, left_out: Sequence[str]
) -> Table:
    columns = tuple(sorted({r.label for r in chosen}))
    cells = {(r.row, r.label): cell_of(r.summary, _metric(r.summary, metric)) for r in chosen}
    about = {label: _about(chosen, label, metric) for label in columns}
    notes = [f"without {metric}, so left out: {', '.join(left_out)}"] if left_out else []
    return Table(
        f"Leaderboard ({data} data)" if data else "Leaderboard",
        _unique(r.row for r in chosen),
        columns,
        cells,
        tuple(notes),
        about=about,
    )


def _about(chosen: Sequence[Result], label: str, metric: str) -> str:
    """The column's metric, how well its scorer is proven, and how many answers stand in it."""
    summaries = [r.summary for r in chosen if r.label == label]
    counts = sorted({s.n for s in summaries})
    n = f"n {counts[0]}" if len(counts) == 1 else f"n {counts[0]} to {counts[-1]}"
    assurance = " or ".join(sorted({s.certified for s in summaries}))
    return f"{_metric(summaries[0], metric)}\n{assurance}, {n}"


def _differences_table(label: str, chosen: Sequence[Result]) -> Table:
    names = _unique(name for r in chosen for name in r.summary.variants)
    why = {name: reason for r in chosen for name, reason in r.summary.why.items()}
    headline = f"headline ({chosen[0].summary.headline})"
    cells: dict[tuple[str, str], Cell] = {}
    for result in chosen:
        cells[headline, result.row] = cell_of(result.summary, result.summary.headline)
        for name, estimate in result.summary.variants.items():
            cells[name, result.row] = beside(result.summary, estimate)
    cells |= {(name, "why"): Cell(None, text=why.get(name, "")) for name in names}
    return Table(
        f"{label}: scores that differ, and why",
        (headline, *names),
        (*_unique(r.row for r in chosen), "why"),
        cells,
        corner="scorer",
    )


def _run_line(task: TaskStore, summary: Summary | None) -> dict[str, Cell]:
    if summary is None:
        return {"metric": Cell(None, text="not marked yet")}
    cell, cost = cell_of(summary, summary.headline), task.cost()
    answered = summary.n + summary.unjudged
    return {
        "metric": Cell(None, text=summary.headline),
        "value": Cell(cell.value, note=cell.note, text=figure(cell.value)),
        "95 % interval": Cell(None, cell.low, cell.high, text=interval(cell.low, cell.high) or "-"),
        "n": count_of(summary.n),
        "unparsed %": share_of(summary.unparsed, summary.n),
        "cut off %": share_of(summary.cut, answered),
        "failed": count_of(summary.failed),
        "seconds": Cell(None if cost is None else cost.seconds),
    }


def _metric(summary: Summary, metric: str) -> str:
    named = {"headline": summary.headline, "lenient": f"lenient/{summary.headline}"}
    return named.get(metric, metric)


def _has(summary: Summary, metric: str) -> bool:
    """Whether there is a cell to show; a headline has one even where every answer failed."""
    return metric == "headline" or _metric(summary, metric) in summary.metrics


def _asked(chosen: Sequence[Result], label: str) -> list[Asked]:
    return [Asked(r.row, r.run, r.store.task_run()) for r in chosen if r.label == label]


def _data(label: str) -> str:
    """The label's data, "demo" of `pope@demo`; empty for a benchmark's own."""
    return label.partition("@")[2]


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
