"""GQA's figures in the form that the authors' `eval.py` keeps and prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lvlm_eval.metrics import or_none, or_zero, per_item, totals
from lvlm_eval.schema import JSON, Metrics, Record, Tally

from .figures import finish, tally

# Its break-downs in the order of printing, by our axis.
_DETAILED = {
    "structural": "accuracyPerStructuralType",
    "semantic": "accuracyPerSemanticType",
    "steps": "accuracyPerSteps",
    "words": "accuracyPerLength",
}
_NUMBERED = ("steps", "words")


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """Without choices file and without --consistency, as tables are made: three figures are 0."""
    return _official(records, optional=())


def official_full(records: Sequence[Record]) -> dict[str, JSON]:
    """With the two optional parts, as far as the data has them."""
    return _official(records, optional=("consistency", "validity", "plausibility"))


def _official(records: Sequence[Record], optional: Sequence[str]) -> dict[str, JSON]:
    sums = tally(records)
    found = finish(sums)
    metrics = {name: or_zero(found.get(name, 0.0)) for name in ("binary", "open", "accuracy")}
    for name in ("consistency", "validity", "plausibility"):
        metrics[name] = or_zero(found.get(name, 0.0)) if name in optional else 0.0
    details = {axis: _detail(axis, sums, found) for axis in _DETAILED}
    printed = [
        *_headlines(metrics, with_consistency="consistency" in optional),
        f"Distribution: {found['distribution']:.2f} (lower is better)",
        *_lines(details),
    ]
    return {
        "metrics": {
            **metrics,
            "grounding": 0.0,  # needs attention maps, which nobody submits
            "distribution": or_none(found["distribution"]),
            "detailed": {_DETAILED[axis]: rows for axis, rows in details.items()},
            "printed": printed,
        },
        "per_item": per_item([r for r in records if r.sample.facts["balanced"]]),
    }


def _detail(axis: str, sums: Tally, found: Metrics) -> dict[str, tuple[float, int]]:
    """Accuracy and number of questions of each row of a break-down."""
    prefix = f"{axis}/"
    return {
        name.removeprefix(prefix): (found[name], int(count))
        for name, (_, count) in totals(sums).items()
        if name.startswith(prefix)
    }


def _headlines(metrics: Mapping[str, float], *, with_consistency: bool) -> Iterator[str]:
    for name in ("binary", "open", "accuracy", "consistency", "validity", "plausibility"):
        if name != "consistency" or with_consistency:
            yield f"{name.capitalize()}: {metrics[name]:.2f}%"


def _lines(details: Mapping[str, Mapping[str, tuple[float, int]]]) -> Iterator[str]:
    """The break-downs, rows sorted by name, numbers as numbers."""
    for axis, rows in details.items():
        for row in sorted(rows, key=(lambda r: (int(r), r)) if axis in _NUMBERED else None):
            accuracy, count = rows[row]
            yield f"  {row}: {accuracy:.2f}% ({count} questions)"
