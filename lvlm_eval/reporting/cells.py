"""A summary's figures as cells: on the paper's scale, with all that a reader must know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lvlm_eval.reporting.columns import column_of
from lvlm_eval.reporting.results import Result
from lvlm_eval.schema import Cell, Estimate, Summary
from lvlm_eval.server_figures import ServerFigure
from lvlm_eval.stats import caveats, scaled
from lvlm_eval.tables import figure

LENIENT_GAP = 0.5  # points between the official and the lenient reading; beyond, a note says so


def headline_of(summary: Summary, metric: str) -> str:
    """The name of the metric meant by "headline", "lenient", or its own name."""
    named = {"headline": summary.headline, "lenient": f"lenient/{summary.headline}"}
    return named.get(metric, metric)


def figure_of(result: Result, metric: str = "headline") -> Cell:
    """The result's figure, marked with who gave it: our rule, a judge, or a server.

    A server's figure stands only where there is no own one, as for questions whose answers the
    benchmark keeps; otherwise a note names it.
    """
    name = headline_of(result.summary, metric)
    cell = cell_of(result.summary, name)
    judge = result.run.run.judge
    if judge and column_of(result.label).judged:
        cell = replace(cell, source="judge", note=_joined(cell.note, f"marked by judge {judge}"))
    server = result.server
    if server is None or name != result.summary.headline:
        return cell
    if cell.value is not None:
        return replace(cell, note=_joined(cell.note, f"the server gave {_entered(server)}"))
    note = f"server: {_entered(server)}; no interval"
    return Cell(server.value, n=result.summary.unjudged, note=note, source="server")


def _entered(server: ServerFigure) -> str:
    return f"{figure(server.value)} ({server.source}, entered {server.entered})"


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def cell_of(summary: Summary, metric: str) -> Cell:
    """The metric in the paper's unit; without value where this data could not give it."""
    estimate = in_paper_unit(summary, metric)
    doubts = caveats(estimate, summary.clusters)
    notes = [*_coverage(summary), *_reading(summary, metric, estimate), *doubts]
    return Cell(
        estimate.value,
        estimate.low,
        estimate.high,
        summary.n,
        summary.failed,
        note="; ".join(notes),
    )


def in_paper_unit(summary: Summary, metric: str) -> Estimate:
    """The metric on the scale that papers print."""
    return scaled(summary.metrics.get(metric, Estimate(None, None, None)), summary.scale)


def beside(summary: Summary, estimate: Estimate) -> Cell:
    """Another scorer's figure, with its distance to the headline in brackets."""
    headline = in_paper_unit(summary, summary.headline).value
    text = figure(estimate.value)
    if estimate.value is not None and headline is not None:
        gap = round(estimate.value - headline, 1) + 0.0  # no figure reads -0.0
        text = f"{text} ({gap:+.1f})"
    return Cell(estimate.value, estimate.low, estimate.high, summary.n, summary.failed, text=text)


def count_of(number: int) -> Cell:
    return Cell(number, text=str(number))


def share_of(part: int, whole: int) -> Cell:
    """The part in percent of the whole; no value where there is no whole."""
    return Cell(100 * part / whole if whole else None)


def _coverage(summary: Summary) -> Iterator[str]:
    """Which questions are not in the figure."""
    if summary.asked < summary.total:
        yield f"partial: {summary.asked} of {summary.total} questions asked"
    if summary.absent:
        parts = dict.fromkeys(name.partition("/")[0] for name in summary.absent)
        yield f"partial: this copy of the data has no {', '.join(parts)}"
    missing = summary.asked - summary.n - summary.failed - summary.unjudged
    if missing:
        yield f"incomplete: {missing} of {summary.asked} questions have no answer yet"
    if summary.failed:
        yield f"{summary.failed} of {summary.asked} answers failed and are left out"
    if summary.unjudged:
        yield f"{summary.unjudged} of {summary.asked} answers could not be marked and are left out"


def _reading(summary: Summary, metric: str, official: Estimate) -> Iterator[str]:
    """How much of the headline hangs on the manner in which the model answers."""
    lenient = in_paper_unit(summary, f"lenient/{summary.headline}").value
    if metric != summary.headline or lenient is None or official.value is None:
        return
    gap = lenient - official.value
    if abs(gap) > LENIENT_GAP:
        yield f"the official reader is strict here: a lenient one gives {lenient:.1f} ({gap:+.1f})"
