"""What a sample of clusters says about a metric: its 95 % interval.

Questions on one image stand or fall together, so whole clusters are drawn, never questions.
Knows tallies (the sums of one cluster) and a function that turns summed tallies into
metrics; knows no task.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from lvlm_eval.errors import EvalError
from lvlm_eval.schema import Estimate, Tally

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Places: TypeAlias = NDArray[np.int32]

LEVEL = 0.95
REPLICATES = 1000
FEW_CLUSTERS = 50  # below, a percentile interval is noticeably too narrow
# One cluster of many is left out of a replicate with probability 1/e = 0.37, two are with
# 0.14: a metric that lacks a value more often than this rests on a single cluster.
MOST_WITHOUT_VALUE = 0.25
CHUNK_WEIGHTS = 500_000  # of 8 bytes: few enough to stay near the processor

_VALUE = itemgetter(1)

ToMetrics: TypeAlias = Callable[[Tally], dict[str, float]]


@dataclass(frozen=True, slots=True)
class _Clusters:
    """Clusters with equal tallies count as one kind: fewer rows, and no order among them.

    keys: the names summed, sorted; kinds: distinct tallies, sorted, without their zeros;
    counts: how many clusters are of each kind.
    """

    keys: tuple[str, ...]
    kinds: tuple[tuple[tuple[str, float], ...], ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, tallies: Sequence[Tally]) -> _Clusters:
        kinds = Counter(map(_kind, tallies))
        keys = {key for tally in tallies for key in tally}
        ordered = sorted(kinds)
        return cls(tuple(sorted(keys)), tuple(ordered), tuple(kinds[kind] for kind in ordered))

    def entries(self) -> tuple[Places, Places, Floats]:
        """All values by the place of their key, and of their kind; kind by kind, (entries,)."""
        import numpy as np

        place = {key: row for row, key in enumerate(self.keys)}
        rows = np.array([place[key] for kind in self.kinds for key, _ in kind], dtype=np.int32)
        columns = np.repeat(np.arange(len(self.kinds), dtype=np.int32), list(map(len, self.kinds)))
        values = np.array([value for kind in self.kinds for _, value in kind], dtype=np.float64)
        return rows, columns, values

    def total(self) -> dict[str, float]:
        """The plain sum, rounded once, so that the clusters' order cannot show in it."""
        parts: dict[str, list[float]] = {key: [] for key in self.keys}
        for kind, count in zip(self.kinds, self.counts, strict=True):
            for key, value in kind:
                parts[key].append(value * count)
        return {key: math.fsum(values) for key, values in parts.items()}


@dataclass(frozen=True, slots=True)
class Resamples:
    """A metric's value in the data and in every resample of its clusters, NaN for none.

    clusters: how many are drawn each time; with one there are no resamples.
    """

    point: float
    drawn: Sequence[float]
    clusters: int

    @property
    def known(self) -> list[float]:
        return [value for value in self.drawn if math.isfinite(value)]

    @property
    def sufficient(self) -> bool:
        """Whether enough of the resamples have a value to say how it varies."""
        known = len(self.known)
        return known > 0 and known >= (1 - MOST_WITHOUT_VALUE) * len(self.drawn)


def resample(
    tallies: Sequence[Tally], finish: ToMetrics, *, seed: int = 0, replicates: int = REPLICATES
) -> dict[str, Resamples]:
    """Each metric of the summed tallies, as it is and over resampled clusters.

    A key absent from a tally counts as 0. `finish` gives NaN where a metric has no value. The
    result depends on the seed and on the clusters, not on their order. Raises EvalError where
    there is nothing to sum.
    """
    if not tallies:
        raise EvalError("no cluster of answers to estimate from; an empty result has no score")
    clusters = _Clusters.of(tallies)
    point = finish(clusters.total())
    drawn: dict[str, list[float]] = {name: [] for name in point}
    for sums in _replicates(clusters, seed, replicates if len(tallies) > 1 else 0):
        metrics = finish(sums)
        for name, values in drawn.items():
            values.append(metrics.get(name, math.nan))
    return {name: Resamples(value, drawn[name], len(tallies)) for name, value in point.items()}


def bootstrap(
    tallies: Sequence[Tally], finish: ToMetrics, *, seed: int = 0, replicates: int = REPLICATES
) -> dict[str, Estimate]:
    """Each metric of the summed tallies with its percentile interval over resampled clusters.

    A resample without value is left out and counted; there is no interval where a metric rests
    on one cluster. Otherwise as `resample`. Efron & Tibshirani 1993, section 13.3, with
    clusters as the units drawn.
    """
    found = resample(tallies, finish, seed=seed, replicates=replicates)
    return {name: _estimate(resamples) for name, resamples in found.items()}


def _replicates(clusters: _Clusters, seed: int, replicates: int) -> Iterator[dict[str, float]]:
    """Summed tallies of as many clusters, drawn with replacement, `replicates` times.

    The sparse product adds in a fixed order: unlike a dense one its last bits do not depend
    on the machine's threads.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    sums_of = _matrix(clusters)
    kind_of = np.repeat(np.arange(len(clusters.kinds)), clusters.counts)
    size = max(1, CHUNK_WEIGHTS // len(clusters.kinds))
    for start in range(0, replicates, size):
        chunk = range(start, min(start + size, replicates))
        weights = np.stack([_draw(rng, kind_of, len(clusters.kinds)) for _ in chunk], axis=1)
        for sums in sums_of(weights).T.tolist():
            yield dict(zip(clusters.keys, sums, strict=True))


def _draw(rng: np.random.Generator, kind_of: NDArray[np.int64], kinds: int) -> Floats:
    """How often each kind is drawn in one replicate: (kinds,), summing to the clusters."""
    import numpy as np

    drawn = rng.integers(len(kind_of), size=len(kind_of))
    return np.bincount(kind_of[drawn], minlength=kinds).astype(np.float64)


def _matrix(clusters: _Clusters) -> Callable[[Floats], Floats]:
    """The product with the tallies: weights (kinds, replicates) to sums (keys, replicates)."""
    from scipy.sparse import csr_array

    rows, columns, values = clusters.entries()
    shape = (len(clusters.keys), len(clusters.kinds))
    matrix = csr_array((values, (rows, columns)), shape=shape)

    def multiply(weights: Floats) -> Floats:
        product: Floats = matrix @ weights
        return product

    return multiply


def _estimate(resamples: Resamples) -> Estimate:
    """The point with the quantiles of the resamples that have a value.

    A biased metric, such as a chi-square distance, can lie outside its own percentile
    interval; that is widened to hold it.
    """
    import numpy as np

    point, known = resamples.point, resamples.known
    if not math.isfinite(point):
        return Estimate(None, None, None)
    undefined = len(resamples.drawn) - len(known)
    if not resamples.sufficient:
        return Estimate(point, None, None, undefined)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail]).tolist()
    return Estimate(point, min(low, point), max(high, point), undefined)


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """The estimate in another unit."""
    value, low, high = (
        None if figure is None else figure * factor
        for figure in (estimate.value, estimate.low, estimate.high)
    )
    return Estimate(value, low, high, estimate.undefined)


def caveats(estimate: Estimate, clusters: int) -> list[str]:
    """What a reader must know of the estimate's interval, a sentence each; tables show them.

    clusters: how many the estimate rests on; 0 where that is not known.
    """
    if estimate.value is None:
        return []
    if estimate.low is None:
        return ["no interval: the figure rests on a single cluster"]
    found = []
    if estimate.low == estimate.high:
        found.append("an interval of no width: all clusters agree, which is no proof of certainty")
    if 0 < clusters < FEW_CLUSTERS:
        found.append(f"only {clusters} clusters: the interval is somewhat too narrow")
    if estimate.undefined:
        found.append(f"{estimate.undefined} resamples have no value and are left out")
    return found


def _kind(tally: Tally) -> tuple[tuple[str, float], ...]:
    """The tally without its zeros, sorted by key; every value must be finite."""
    if not math.isfinite(sum(tally.values())):
        for key, value in tally.items():
            if not math.isfinite(value):
                raise EvalError(
                    f"a cluster's tally has {key!r} = {value}; sums must be finite numbers"
                )
    return tuple(sorted(filter(_VALUE, tally.items())))
