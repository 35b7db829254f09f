"""What `doctor batch` and `doctor determinism` print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lvlm_eval.invariance import Flip, Outcome
from lvlm_eval.schema import JSON, Cell, Table

_LISTED = 20  # flips shown in words; --json has all
_COLUMNS = ("questions", "flips", "at token", "tokens", "margin", "largest margin", "seconds")


@dataclass(frozen=True, slots=True)
class Finding:
    """A setting's outcome and what in it differs from the reference."""

    outcome: Outcome
    flips: tuple[Flip, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What is printed. missing: what could not be tried, and why."""

    title: str
    described: Mapping[str, str]
    reference: Outcome
    findings: tuple[Finding, ...]
    missing: tuple[str, ...] = ()


def table(report: Report) -> Table:
    """A row a setting; place, tokens and margin are those of the first flip in asking order."""
    reference, total = report.reference.setting.name, len(report.reference.answers)
    cells = {
        (reference, "questions"): Cell(None, text=str(total)),
        (reference, "seconds"): Cell(report.reference.seconds),
    }
    for finding in report.findings:
        name = finding.outcome.setting.name
        cells |= {(name, column): cell for column, cell in _cells(finding).items()}
    rows = (reference, *(finding.outcome.setting.name for finding in report.findings))
    about = {"tokens": "reference / here", "margin": "of the first flip"}
    described = ", ".join(f"{key}={value}" for key, value in report.described.items())
    notes = (f"model: {described}", *report.missing)
    return Table(report.title, rows, _COLUMNS, cells, notes, corner="setting", about=about)


def _cells(finding: Finding) -> dict[str, Cell]:
    total, count = len(finding.outcome.answers), len(finding.flips)
    share = f" ({count / total:.2%})" if count else ""
    texts = {"questions": str(total), "flips": f"{count}{share}"}
    if finding.flips:
        first = finding.flips[0]
        margins = [flip.margin for flip in finding.flips if flip.margin is not None]
        texts["at token"], texts["tokens"] = _place(first), _tokens(first)
        texts["margin"] = _margin(first.margin)
        texts["largest margin"] = _margin(max(margins, default=None))
    cells = {column: Cell(None, text=text) for column, text in texts.items()}
    return cells | {"seconds": Cell(finding.outcome.seconds)}


def in_words(report: Report) -> list[str]:
    """The flips one by one, up to a number, and what they amount to."""
    found = [(f.outcome.setting.name, flip) for f in report.findings for flip in f.flips]
    lines = [
        f"{name}: {flip.key[0]} {flip.key[1]}: {flip.reference.response.text!r} became "
        f"{flip.other.response.text!r}; token {_place(flip)}, {_tokens(flip)}, "
        f"margin {_margin(flip.margin)}"
        for name, flip in found[:_LISTED]
    ]
    if len(found) > _LISTED:
        lines.append(f"... and {len(found) - _LISTED} more: --json has all")
    asked = sum(len(finding.outcome.answers) for finding in report.findings)
    return [*lines, f"{len(found)} of {asked} answers differ from the reference's"]


def _place(flip: Flip) -> str:
    return "-" if flip.place is None else str(flip.place + 1)


def _tokens(flip: Flip) -> str:
    return " / ".join(repr(rival.text) for rival in flip.rivals) or "-"


def _margin(margin: float | None) -> str:
    return "-" if margin is None else f"{margin:.4g}"


def as_object(report: Report) -> dict[str, JSON]:
    """All of the report; places count from 0."""
    return {
        "title": report.title,
        "model": report.described,
        "questions": len(report.reference.answers),
        "reference": {
            "setting": report.reference.setting.name,
            "seconds": report.reference.seconds,
        },
        "settings": [_finding_as_json(finding) for finding in report.findings],
        "not_tried": report.missing,
    }


def _finding_as_json(finding: Finding) -> dict[str, JSON]:
    setting = finding.outcome.setting
    return {
        "setting": setting.name,
        "options": setting.options,
        "order": setting.order,
        "flips": len(finding.flips),
        "seconds": finding.outcome.seconds,
        "flipped": [
            {
                "task": flip.key[0],
                "question_id": flip.key[1],
                "reference": flip.reference.response.text,
                "here": flip.other.response.text,
                "error": flip.other.response.error,
                "place": flip.place,
                "tokens": [rival.text for rival in flip.rivals],
                "margin": flip.margin,
            }
            for flip in finding.flips
        ],
    }
