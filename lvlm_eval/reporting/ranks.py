"""The best of a column, and who is level with it: no paired test tells them apart."""

from __future__ import annotations

from collections.abc import Sequence

from lvlm_eval.comparable import FIELDS
from lvlm_eval.comparison import Finishes, compare_runs
from lvlm_eval.errors import NotComparable, UsageError
from lvlm_eval.reporting.results import Result
from lvlm_eval.schema import Rank
from lvlm_eval.stats import holm

ALPHA = 0.05
NOTE = (
    "best of a column: bold, or * in plain text; ≈: no significant difference from the best "
    f"(paired by question, Holm over the column, {ALPHA:.0%})"
)


def ranks(results: Sequence[Result], finishes: Finishes | None) -> dict[str, Rank]:
    """The rank of each row of one task; a row that is significantly worse than the best has none.

    Nothing is ranked where fewer than two rows have a figure. Without `finishes`, or for a task
    that is not installed here, or was stopped by --until-decided, there are no tests and only
    the best is known.
    """
    marked = [r for r in results if _value(r) is not None]
    if len(marked) < 2:
        return {}
    rising = marked[0].summary.best >= marked[0].summary.worst
    top = (max if rising else min)(_value(r) or 0.0 for r in marked)
    best = [r for r in marked if _value(r) == top]
    found: dict[str, Rank] = {r.row: "best" for r in best}
    others = [r for r in marked if r.row not in found]
    if finishes is None:
        return found
    try:
        p_values = {r.row: _p(best[0], r, finishes) for r in others}
    except (NotComparable, UsageError):
        return found
    level: dict[str, Rank] = {row: "level" for row, p in holm(p_values).items() if p > ALPHA}
    return found | level


def _p(best: Result, other: Result, finishes: Finishes) -> float:
    """The p-value of their difference; 1 where there are too few questions for a test.

    What may stand in one table was decided before.
    """
    (compared,) = compare_runs(best.run, other.run, [best.label], finishes, allowed=FIELDS)
    return 1.0 if compared.p is None else compared.p


def _value(result: Result) -> float | None:
    found = result.summary.metrics.get(result.summary.headline)
    return found.value if found else None
