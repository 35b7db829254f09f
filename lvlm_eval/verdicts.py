"""Comparisons and verdicts in words: tables, Markdown for a pull request, JUnit XML, JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

from lvlm_eval.comparison import TaskComparison
from lvlm_eval.regression import Gate, TaskVerdict
from lvlm_eval.schema import JSON, Cell, Table
from lvlm_eval.stats import holm
from lvlm_eval.tables import figure, markdown
from lvlm_eval.task_store import Decision

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOTE = (
    "detectable: the smallest true difference that these questions would show with a "
    "probability of 80 %"
)


def comparison_table(
    first: str, second: str, comparisons: Sequence[TaskComparison], alpha: float = 0.05
) -> Table:
    """A line a task: both headlines, second minus first, and whether that is significant."""
    adjusted = holm({c.label: c.p for c in comparisons if c.p is not None})
    cells = {
        (one.label, column): cell
        for one in comparisons
        for column, cell in {
            **_figures(one, "first", "second"),
            "verdict": Cell(None, text=_outcome(one, adjusted.get(one.label), alpha)),
        }.items()
    }
    table = _table(f"{second} minus {first}", comparisons, cells)
    notes = (f"first: {first}; second: {second}", f"verdict: by Holm's p at {alpha:.0%}")
    return replace(table, notes=(*notes, *table.notes))


def gate_table(gate: Gate) -> Table:
    """A line a task with its verdict and the reason."""
    cells = {
        (one.comparison.label, column): cell
        for one in gate.tasks
        for column, cell in {
            **_figures(one.comparison, "baseline", "candidate"),
            "p": Cell(one.p, text=_p(one.p)),
            "margin": Cell(one.margin, text=figure(one.margin)),
            "verdict": Cell(None, text=one.verdict, note=one.why),
        }.items()
    }
    title = f"{'passed' if gate.passed else 'FAILED'}: {gate.candidate} against {gate.baseline}"
    table = _table(title, [one.comparison for one in gate.tasks], cells)
    return replace(table, notes=("p: adjusted for the number of tasks (Holm)", *table.notes))


def decision_table(decisions: Mapping[str, Decision]) -> Table:
    """What --until-decided found: differences in right answers, in percent, and verdicts."""
    cells = {
        (label, column): cell
        for label, one in decisions.items()
        for column, cell in {
            "difference": Cell(_percent(one.difference), text=_ends(one)),
            "asked": Cell(one.questions, text=f"{one.questions} of {one.total}"),
            "clusters": Cell(one.clusters, text=str(one.clusters)),
            "margin": Cell(100 * one.margin),
            "verdict": Cell(None, text=one.verdict),
        }.items()
    }
    (baseline,) = {one.baseline for one in decisions.values()}
    notes = ("intervals hold at any time: asking stopped as soon as they told",)
    title = f"right answers against {baseline}, in percent"
    return Table(title, tuple(decisions), _columns(cells), cells, notes, corner="task")


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _ends(one: Decision) -> str:
    low, high = _percent(one.low), _percent(one.high)
    ends = "" if low is None else f" [{signed(low)}, {signed(high)}]"
    return signed(_percent(one.difference)) + ends


def gate_markdown(gate: Gate) -> str:
    """The verdicts for a pull request: the outcome, then the table."""
    return markdown(gate_table(gate), level=3)


def gate_junit(gate: Gate) -> str:
    """The verdicts as JUnit XML: a test case a task; what closes the gate is a failure, what is
    undecided otherwise is skipped."""
    failures = [one for one in gate.tasks if _closes(one, gate)]
    skipped = [one for one in gate.tasks if one.verdict == "undecided" and one not in failures]
    counts = {"tests": len(gate.tasks), "failures": len(failures), "skipped": len(skipped)}
    attributes = {name: str(count) for name, count in counts.items()}
    suite = ET.Element("testsuite", {"name": "lvlm-eval check", "errors": "0", **attributes})
    for one in gate.tasks:
        label, why = _xml(one.comparison.label), _xml(_sentence(one))
        case = ET.SubElement(suite, "testcase", classname=_xml(gate.candidate), name=label)
        if one in failures:
            ET.SubElement(case, "failure", message=why, type=one.verdict).text = why
        elif one in skipped:
            ET.SubElement(case, "skipped", message=why)
        ET.SubElement(case, "system-out").text = why
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, "unicode") + "\n"


def gate_json(gate: Gate) -> dict[str, JSON]:
    """The verdicts, unrounded."""
    return {
        "passed": gate.passed,
        "candidate": gate.candidate,
        "baseline": gate.baseline,
        "alpha": gate.alpha,
        "strict": gate.strict,
        "tasks": {one.comparison.label: one.figures() for one in gate.tasks},
    }


def flip_lines(comparisons: Sequence[TaskComparison]) -> list[Mapping[str, JSON]]:
    """A line a question that was marked differently: its id, both answers and both marks."""
    return [
        {
            "task": one.label,
            "question_id": flip.question_id,
            "target": flip.target,
            "first": {"answer": flip.answers[0], "values": flip.values[0]},
            "second": {"answer": flip.answers[1], "values": flip.values[1]},
        }
        for one in comparisons
        for flip in one.flips
    ]


def signed(value: float | None) -> str:
    """The figure with its sign."""
    if value is None:
        return "-"
    text = figure(abs(value))
    return text if float(text) == 0 else f"{'+' if value > 0 else '-'}{text}"


def _table(
    title: str, comparisons: Sequence[TaskComparison], cells: Mapping[tuple[str, str], Cell]
) -> Table:
    rows = tuple(one.label for one in comparisons)
    return Table(title, rows, _columns(cells), cells, (_NOTE,), corner="task")


def _columns(cells: Mapping[tuple[str, str], Cell]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column for _, column in cells))


def _figures(one: TaskComparison, first: str, second: str) -> dict[str, Cell]:
    gap = one.difference
    left_out = f"{one.left_out} clusters that the two did not answer alike are left out"
    return {
        first: Cell(one.values[0], text=f"{one.headline} {figure(one.values[0])}"),
        second: Cell(one.values[1], text=figure(one.values[1])),
        "difference": Cell(
            gap.value,
            gap.low,
            gap.high,
            one.questions,
            note=left_out if one.left_out else "",
            text=_gap(one),
        ),
        "p": Cell(one.p, text=_p(one.p)),
        "gained": Cell(one.gained, text=_count(one.gained)),
        "lost": Cell(one.lost, text=_count(one.lost)),
        "detectable": Cell(one.detectable, text=figure(one.detectable)),
    }


def _gap(one: TaskComparison) -> str:
    gap = one.difference
    ends = "" if gap.low is None else f" [{signed(gap.low)}, {signed(gap.high)}]"
    return signed(gap.value) + ends


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _p(p: float | None) -> str:
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _outcome(one: TaskComparison, p: float | None, alpha: float) -> str:
    if p is None or one.difference.value is None:
        return "no test"
    if p > alpha or not one.difference.value:
        return "no difference shown"
    return "better" if (one.difference.value > 0) == (one.span > 0) else "worse"


def _sentence(one: TaskVerdict) -> str:
    compared = one.comparison
    before, after = (figure(value) for value in compared.values)
    return (
        f"{one.verdict}: {compared.headline} {before} -> {after}, {_gap(compared)}, "
        f"p {_p(one.p)} (Holm): {one.why}"
    )


def _closes(one: TaskVerdict, gate: Gate) -> bool:
    return one.verdict == "worse" or (gate.strict and one.verdict == "undecided")


def _xml(text: str) -> str:
    """The text without the characters that XML has no way to write."""
    return _NOT_XML.sub("\ufffd", text)
