"""What stands behind the leaderboard: details, other scorers' figures, costs, a run's end.

Reads summaries only: no task, no model, no answers. What tables look like is `tables.py`,
which files they go to is `files.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lvlm_eval.reporting.cells import beside, cell_of, count_of, share_of
from lvlm_eval.reporting.columns import in_order
from lvlm_eval.reporting.results import Found, Result, check_alike, data_of, unique
from lvlm_eval.reporting.rows import plain_name
from lvlm_eval.schema import Cell, Cost, Summary, Table
from lvlm_eval.store import RunStore
from lvlm_eval.tables import figure, interval
from lvlm_eval.task_store import TaskStore

COST_COLUMNS = (
    "tasks", "questions", "new tokens", "seconds", "questions/s", "peak memory MiB", "workers",
    "device",
)  # fmt: skip
RUN_COLUMNS = (
    "metric", "value", "95 % interval", "n", "failed", "unparsed %", "cut off %", "seconds",
)  # fmt: skip


def details(found: Found, allowed: Collection[str] = ()) -> list[Table]:
    """A table a task: the metrics that the task wants shown, for each model."""
    check_alike(found.results, allowed)
    tables = []
    for label in in_order(r.label for r in found.results):
        chosen = [r for r in found.results if r.label == label]
        cells = {
            (r.row, name): cell_of(r.summary, name) for r in chosen for name in r.summary.shown
        }
        columns = unique(name for r in chosen for name in r.summary.shown)
        if columns:
            rows = unique(r.row for r in chosen)
            tables.append(Table(f"{label}: details", rows, columns, cells))
    return tables


def differences(found: Found, allowed: Collection[str] = ()) -> list[Table]:
    """A table a task: what other known scorers make of the same answers, and why.

    Beside each figure stands its distance to the headline, in the paper's unit.
    """
    marked = [r for r in found.results if r.summary.variants]
    check_alike(marked, allowed)
    tables = []
    for label in in_order(r.label for r in marked):
        chosen = [r for r in marked if r.label == label]
        tables.append(_differences_table(label, chosen))
    return tables


def costs(found: Found) -> list[Table]:
    """A table for each kind of data: what the answers of each model took, over its tasks.

    A run whose answers were made elsewhere has no costs and no row.
    """
    tables = []
    for data in sorted({data_of(r.label) for r in found.results}):
        spent: dict[str, list[Cost]] = {}
        for result in found.results:
            cost = result.store.cost()
            if cost is not None and data_of(result.label) == data:
                spent.setdefault(result.row, []).append(cost)
        cells = {
            (row, column): cell
            for row, all_costs in spent.items()
            for column, cell in _cost_line(all_costs).items()
        }
        if cells:
            title = f"Cost ({data} data)" if data else "Cost"
            tables.append(Table(title, tuple(spent), COST_COLUMNS, cells))
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


def _cost_line(spent: Sequence[Cost]) -> dict[str, Cell]:
    """The sums over the tasks; of memory the largest."""
    questions, tokens = sum(c.questions for c in spent), sum(c.new_tokens for c in spent)
    seconds, memory = sum(c.seconds for c in spent), max(c.peak_memory_mib for c in spent)
    rate = questions / seconds if seconds > 0 else None
    return {
        "tasks": count_of(len(spent)),
        "questions": count_of(questions),
        "new tokens": count_of(tokens),
        "seconds": Cell(seconds),
        "questions/s": Cell(rate),
        "peak memory MiB": Cell(memory),
        "workers": count_of(max(c.workers for c in spent)),
        "device": Cell(None, text=", ".join(unique(c.device for c in spent))),
    }


def _differences_table(label: str, chosen: Sequence[Result]) -> Table:
    names = unique(name for r in chosen for name in r.summary.variants)
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
        (*unique(r.row for r in chosen), "why"),
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
