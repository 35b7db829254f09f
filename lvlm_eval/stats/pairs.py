"""Two runs on the same questions: how far a metric differs, and how sure that is.

Both runs find the same clusters hard, so the same clusters are drawn for both and what they
share cancels. One standard error, the bootstrap's, gives interval, p-value and the smallest
difference that would have shown; with few clusters Student's t keeps all three honest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lvlm_eval.errors import NotComparable
from lvlm_eval.schema import Estimate, Tally
from lvlm_eval.stats.resampling import LEVEL, REPLICATES, Resamples, ToMetrics, resample

POWER = 0.8  # with which the smallest detectable difference would have been found


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric's first minus second, in the metric's unit.

    estimate:   the difference with its interval.
    error:      its standard error; None where nothing was repeated, as are the following.
    p:          two-sided; the chance of a difference as large between equals.
    detectable: the smallest true difference that is found with a probability of 0.8.
    differing:  clusters in which the two runs have other sums; no difference stands on more.
    """

    estimate: Estimate
    error: float | None
    p: float | None
    detectable: float | None
    clusters: int
    differing: int


def paired_differences(
    first: Sequence[Tally],
    second: Sequence[Tally],
    finish: ToMetrics,
    *,
    alpha: float = 1 - LEVEL,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> dict[str, Difference]:
    """Each metric's first minus second, for two runs on the same clusters.

    The sequences are aligned: place i of both is the same cluster. Intervals are of level
    1 - alpha. Metrics that only one side has are left out. Raises NotComparable where the
    numbers of clusters differ.
    """
    if len(first) != len(second):
        raise NotComparable(
            f"{len(first)} clusters on one side, {len(second)} on the other; "
            "a paired difference needs the same questions on both"
        )
    pairs = [_mark("0", a) | _mark("1", b) for a, b in zip(first, second, strict=True)]
    differing = sum(_sums(a) != _sums(b) for a, b in zip(first, second, strict=True))

    def difference(sums: Tally) -> dict[str, float]:
        one, other = finish(_unmark("0", sums)), finish(_unmark("1", sums))
        return {name: value - other[name] for name, value in one.items() if name in other}

    found = resample(pairs, difference, seed=seed, replicates=replicates)
    return {name: _difference(drawn, differing, alpha) for name, drawn in found.items()}


def paired_difference(
    first: Sequence[Tally], second: Sequence[Tally], finish: ToMetrics
) -> dict[str, Estimate]:
    """Only the intervals of `paired_differences`."""
    found = paired_differences(first, second, finish)
    return {name: difference.estimate for name, difference in found.items()}


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p-value of right answers gained and lost, each a coin's toss.

    Only for answers that are independent of each other: see docs/statistics.md.
    McNemar 1947; the exact form is the binomial test.
    """
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values adjusted for there being several (Holm 1979): compare each with alpha."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return adjusted


def _difference(resamples: Resamples, differing: int, alpha: float) -> Difference:
    """Interval, p-value and detectable difference from one standard error.

    Of k clusters that differ even chance makes all point one way with 2^(1 - k), so no p-value
    is smaller: where few answers changed the normal approximation would be too sure.
    """
    from scipy.stats import t

    clusters, point, known = resamples.clusters, resamples.point, resamples.known
    if not math.isfinite(point):
        return Difference(Estimate(None, None, None), None, None, None, clusters, differing)
    undefined = len(resamples.drawn) - len(known)
    if not resamples.sufficient:
        estimate = Estimate(point, None, None, undefined)
        return Difference(estimate, None, None, None, clusters, differing)
    error = _standard_error(known, clusters)
    reach, power = t.ppf([1 - alpha / 2, POWER], clusters - 1).tolist()
    estimate = Estimate(point, point - reach * error, point + reach * error, undefined)
    surest = min(1.0, 2.0 ** (1 - differing))
    p = 2 * float(t.sf(abs(point) / error, clusters - 1)) if error else 0.0
    detectable = (reach + power) * error if error else None
    return Difference(estimate, error, max(p, surest), detectable, clusters, differing)


def _standard_error(drawn: Sequence[float], clusters: int) -> float:
    """The spread of the resamples, without the bias that drawing from the sample itself has."""
    import numpy as np

    return float(np.std(drawn)) * math.sqrt(clusters / (clusters - 1))


def _sums(tally: Tally) -> dict[str, float]:
    return {key: value for key, value in tally.items() if value}


def _mark(side: str, tally: Tally) -> dict[str, float]:
    return {side + key: value for key, value in tally.items()}


def _unmark(side: str, sums: Tally) -> dict[str, float]:
    return {key[1:]: value for key, value in sums.items() if key[0] == side}
