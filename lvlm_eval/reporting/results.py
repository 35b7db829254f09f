"""The marked tasks of some runs, each under the name of its row; what may stand together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from lvlm_eval.comparable import Asked, check_comparable
from lvlm_eval.errors import NotComparable, UsageError
from lvlm_eval.reporting.rows import name_rows
from lvlm_eval.schema import Summary
from lvlm_eval.server_figures import ServerFigure, read_server_figures
from lvlm_eval.store import RunStore
from lvlm_eval.task_store import TaskStore

ALLOWED = ("limit",)  # what a table may show side by side if asked to; all else it refuses


@dataclass(frozen=True, slots=True)
class Result:
    """One marked task of one run, under the name of its row."""

    row: str
    run: RunStore
    store: TaskStore
    summary: Summary

    @property
    def label(self) -> str:
        return self.store.label

    @property
    def server(self) -> ServerFigure | None:
        """What the benchmark's server gave as the headline, if that was entered."""
        return read_server_figures(self.store.folder).get(self.summary.headline)

    @property
    def asked(self) -> Asked:
        return Asked(self.row, self.run.run, self.store.task_run())


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A task that a run has begun and that is not marked, so that it has no figure yet."""

    row: str
    run: RunStore
    label: str


@dataclass(frozen=True, slots=True)
class Found:
    """All that runs hold. rows: their names, sorted; a run without a marked task has one too."""

    rows: tuple[tuple[str, RunStore], ...]
    results: tuple[Result, ...]
    unfinished: tuple[Unfinished, ...]


def find(stores: Iterable[RunStore]) -> Found:
    """Every task of the runs, by row and task; a run given twice counts once.

    Raises UsageError if nothing is marked.
    """
    rows = tuple(name_rows(stores))
    results, unfinished = [], []
    for row, store in rows:
        for task in store.tasks():
            summary = task.summary()
            if summary is None:
                unfinished.append(Unfinished(row, store, task.label))
            else:
                results.append(Result(row, store, task, summary))
    if not results:
        begun = f"; begun, not marked yet: {names_of(unfinished)}" if unfinished else ""
        raise UsageError(f"no marked results to report{begun}; `lvlm-eval run` makes some")
    return Found(rows, tuple(results), tuple(unfinished))


def names_of(unfinished: Sequence[Unfinished]) -> str:
    return ", ".join(f"{one.label} of {one.row}" for one in unfinished)


def check_alike(results: Sequence[Result], allowed: Collection[str] = ()) -> None:
    """Raises NotComparable where results of a task were not asked or marked alike.

    So are different numbers of questions, unless `allowed` has "limit".
    """
    unknown = sorted(set(allowed) - set(ALLOWED))
    if unknown:
        raise UsageError(f"--allow {unknown[0]}: a report can only allow {', '.join(ALLOWED)}")
    for label in unique(r.label for r in results):
        own = [r for r in results if r.label == label]
        check_comparable(label, [r.asked for r in own])
        if "limit" not in allowed:
            _check_same_subset(label, own)


def _check_same_subset(label: str, results: Sequence[Result]) -> None:
    first = results[0]
    for other in results:
        if other.summary.asked != first.summary.asked:
            raise NotComparable(
                f"{label}: {first.row} was asked {first.summary.asked} questions and {other.row} "
                f"{other.summary.asked}, so their figures stand on different subsets; ask both "
                "alike, or show them side by side, marked, with --allow limit"
            )


def data_of(label: str) -> str:
    """The label's data, "demo" of `pope@demo`; empty for a benchmark's own."""
    return label.partition("@")[2]


def base_of(label: str) -> str:
    """The task's name without its data."""
    return label.partition("@")[0]


def unique_tasks(results: Iterable[Result], data: str) -> list[Result]:
    """The first result of each task that is of that data."""
    first = {r.label: r for r in reversed(list(results)) if data_of(r.label) == data}
    return list(reversed(first.values()))


def unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
