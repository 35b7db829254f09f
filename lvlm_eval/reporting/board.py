"""The leaderboard: models by tasks, what each model is, who is best, and means over columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lvlm_eval.comparison import Finishes
from lvlm_eval.errors import UsageError
from lvlm_eval.reporting.averages import (
    average_of_eight,
    common_columns,
    ends_of,
    is_of_eight,
    normalised_mean,
    note_on_eight,
    note_on_mean,
)
from lvlm_eval.reporting.cells import figure_of, headline_of
from lvlm_eval.reporting.columns import in_order
from lvlm_eval.reporting.model_facts import Beside, facts_columns
from lvlm_eval.reporting.ranks import NOTE, ranks
from lvlm_eval.reporting.results import Found, Result, check_alike, data_of, unique
from lvlm_eval.schema import Cell, Table

MEAN, EIGHT = "normalised mean", "average of eight"
NOT_ASKED = Cell(None, note="not asked")
NOT_FINISHED = Cell(None, note="begun and not marked yet: the same `lvlm-eval run` goes on")


@dataclass(frozen=True, slots=True)
class Options:
    """What a leaderboard is asked to show.

    metric: "headline", "lenient" (the lenient form of the headline), or any metric's name.
    finishes: for the paired tests; None makes none. allowed: see `check_alike`.
    """

    metric: str = "headline"
    finishes: Finishes | None = None
    allowed: tuple[str, ...] = ()


def leaderboards(found: Found, options: Options) -> list[Table]:
    """Models by tasks; tasks of the bundled data stand in a table of their own.

    Tasks without the metric are left out and named. Raises NotComparable where the rows of a
    column were not asked or marked alike, UsageError where no task has the metric.
    """
    metric = options.metric
    shown = [r for r in found.results if _has(r, metric)]
    if not shown:
        raise UsageError(f"no task of these runs has the metric {metric!r}")
    check_alike(shown, options.allowed)
    without = {r.label for r in found.results} - {r.label for r in shown}
    tables = []
    for data in sorted({data_of(r.label) for r in shown}):
        left_out = sorted(label for label in without if data_of(label) == data)
        board = _board(_of_data(found, shown, data), options)
        notes = [f"without {metric}, so left out: {', '.join(left_out)}"] if left_out else []
        title = f"Leaderboard ({data} data)" if data else "Leaderboard"
        tables.append(replace(board, title=title, notes=(*notes, *board.notes)))
    return tables


def _of_data(found: Found, shown: Sequence[Result], data: str) -> Found:
    """What is to stand in the table of that data, rows in their order."""
    chosen = tuple(r for r in shown if data_of(r.label) == data)
    open_ = tuple(u for u in found.unfinished if data_of(u.label) == data)
    names = {r.row for r in chosen} | {u.row for u in open_}
    return Found(tuple(row for row in found.rows if row[0] in names), chosen, open_)


def _board(found: Found, options: Options) -> Table:
    chosen, runs = found.results, dict(found.rows)
    labels = in_order([*(r.label for r in chosen), *(u.label for u in found.unfinished)])
    cells = _cells(found, labels, options)
    ranked = any(cell.rank for cell in cells.values())
    facts = facts_columns(runs)
    means = _means(tuple(runs), labels, cells, chosen) if options.metric == "headline" else NONE
    return Table(
        "",
        tuple(runs),
        (*facts.columns, *labels, *means.columns),
        {**facts.cells, **cells, **means.cells},
        (*([NOTE] if ranked else []), *facts.notes, *means.notes),
        about={label: _about(chosen, label, options.metric) for label in labels},
    )


def _cells(found: Found, labels: Sequence[str], options: Options) -> dict[tuple[str, str], Cell]:
    """A cell everywhere: what was not asked, or is not finished, says so."""
    cells = {(row, label): NOT_ASKED for row, _ in found.rows for label in labels}
    cells |= {(u.row, u.label): NOT_FINISHED for u in found.unfinished}
    for label in labels:
        own = [r for r in found.results if r.label == label]
        ranked = ranks(own, options.finishes) if options.metric == "headline" else {}
        for result in own:
            cell = figure_of(result, options.metric)
            cells[result.row, label] = replace(cell, rank=ranked.get(result.row, ""))
    return cells


NONE = Beside((), {}, ())


def _means(
    rows: Sequence[str],
    labels: Sequence[str],
    cells: Mapping[tuple[str, str], Cell],
    chosen: Sequence[Result],
) -> Beside:
    columns: list[str] = []
    found: dict[tuple[str, str], Cell] = {}
    notes: list[str] = []
    common, ends = common_columns(rows, labels, cells), ends_of(chosen)
    if len(common) > 1:
        columns.append(MEAN)
        found |= {(row, MEAN): normalised_mean(row, common, cells, ends) for row in rows}
        notes.append(note_on_mean(common, ends))
    if sum(map(is_of_eight, labels)) > 1:
        columns.append(EIGHT)
        found |= {(row, EIGHT): average_of_eight(row, labels, cells) for row in rows}
        notes.append(note_on_eight())
    return Beside(tuple(columns), found, tuple(notes))


def _about(chosen: Sequence[Result], label: str, metric: str) -> str:
    """The column's metric, how well its scorer is proven, and how many answers stand in it."""
    own = [r for r in chosen if r.label == label]
    if not own:
        return ""
    name = headline_of(own[0].summary, metric)
    if not any(r.summary.n for r in own) and any(r.server for r in own):
        return f"{name}\nby the server"
    counts = sorted({r.summary.n for r in own})
    n = f"n {counts[0]}" if len(counts) == 1 else f"n {counts[0]} to {counts[-1]}"
    assurance = " or ".join(unique(sorted(r.summary.certified for r in own)))
    return f"{name}\n{assurance}, {n}"


def _has(result: Result, metric: str) -> bool:
    """Whether there is a cell to show; a headline has one even where every answer failed."""
    return metric == "headline" or headline_of(result.summary, metric) in result.summary.metrics
