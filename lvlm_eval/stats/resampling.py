"""What a sample of clusters says about a metric: its 95 % interval.

Questions on one image stand or fall together, so whole clusters are drawn, never questions.
Knows tallies (the sums of one cluster) and a function that turns summed tallies into
metrics; knows no task.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from lvlm_eval.errors import EvalError
from lvlm_eval.schema import Estimate, Tally

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats: TypeAlias = NDArray[np.float64]
    Counts: TypeAlias = NDArray[np.int64]

LEVEL = 0.95
REPLICATES = 1000
FEW_CLUSTERS = 50  # below, a percentile interval is noticeably too narrow
# One cluster of many is left out of a replicate with probability 1/e = 0.37, two are with
# 0.14: a metric that lacks a value more often than this rests on a single cluster.
MOST_WITHOUT_VALUE = 0.25
CHUNK_WEIGHTS = 500_000  # of 8 bytes: few enough to stay near the processor

_VALUE = itemgetter(1)

ToMetrics: TypeAlias = Callable[[Tally], dict[str, float]]
Sums: TypeAlias = tuple[Sequence[Tally], ToMetrics]  # clusters, and what is made of their sum


@dataclass(frozen=True, slots=True)
class _Clusters:
    """Clusters with equal tallies count as one kind: fewer rows, and no order among them.

    keys: the names summed, sorted; tallies: (keys, kinds), the kinds sorted; counts: how many
    clusters are of each kind, (kinds,); of_kind: which these are, (kinds, clusters).

    The matrices are sparse: they add in a fixed order, so that unlike with dense ones the last
    bits of sums do not depend on the machine's threads.
    """

    keys: tuple[str, ...]
    tallies: csr_array
    counts: Counts
    of_kind: csr_array

    @classmethod
    def of(cls, tallies: Sequence[Tally]) -> _Clusters:
        import numpy as np
        from scipy.sparse import csr_array

        count_of = Counter(map(_kind, tallies))
        kinds, keys = sorted(count_of), sorted({key for tally in tallies for key in tally})
        place = {key: row for row, key in enumerate(keys)}
        rows = [place[key] for kind in kinds for key, _ in kind]
        values = [value for kind in kinds for _, value in kind]
        columns = np.repeat(np.arange(len(kinds)), list(map(len, kinds)))
        matrix = csr_array((values, (rows, columns)), (len(keys), len(kinds)), dtype=np.float64)
        counts = np.array([count_of[kind] for kind in kinds])
        one_each = np.ones(len(tallies)), np.arange(len(tallies)), np.cumsum([0, *counts])
        return cls(tuple(keys), matrix, counts, csr_array(one_each))

    def total(self) -> dict[str, float]:
        """The plain sum, rounded once, so that the clusters' order cannot show in it."""
        values = self.tallies.data * self.counts[self.tallies.indices]
        rows = zip(self.keys, pairwise(self.tallies.indptr), strict=True)
        return {key: math.fsum(values[start:end].tolist()) for key, (start, end) in rows}

    def sums(self, draws: Floats) -> Iterator[Tally]:
        """The summed tallies of each replicate that is drawn: (clusters, replicates)."""
        for sums in (self.tallies @ (self.of_kind @ draws)).T.tolist():
            yield dict(zip(self.keys, sums, strict=True))


@dataclass(frozen=True, slots=True)
class Resamples:
    """A metric's value in the data and in every resample of its clusters, NaN for none.

    clusters: how many are drawn each time; with one there are no resamples.
    """

    point: float
    drawn: list[float]
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
    return resample_all({"": (tallies, finish)}, seed=seed, replicates=replicates)[""]


def resample_all(
    several: Mapping[str, Sums], *, seed: int = 0, replicates: int = REPLICATES
) -> dict[str, dict[str, Resamples]]:
    """As `resample` of each, which are sums over the same clusters: these are drawn once."""
    (count,) = {len(tallies) for tallies, _ in several.values()}
    if not count:
        raise EvalError("no cluster of answers to estimate from; an empty result has no score")
    clusters = {which: _Clusters.of(tallies) for which, (tallies, _) in several.items()}
    found = {
        which: {
            name: Resamples(value, [], count)
            for name, value in finish(clusters[which].total()).items()
        }
        for which, (_, finish) in several.items()
    }
    for draws in _draws(count, seed, replicates if count > 1 else 0):
        for which, (_, finish) in several.items():
            for sums in clusters[which].sums(draws):
                _add(found[which], finish(sums))
    return found


def _add(found: Mapping[str, Resamples], metrics: Mapping[str, float]) -> None:
    for name, resamples in found.items():
        resamples.drawn.append(metrics.get(name, math.nan))


def bootstrap(
    tallies: Sequence[Tally], finish: ToMetrics, *, seed: int = 0, replicates: int = REPLICATES
) -> dict[str, Estimate]:
    """Each metric of the summed tallies with its percentile interval over resampled clusters.

    A resample without value is left out and counted; there is no interval where a metric rests
    on one cluster. Otherwise as `resample`. Efron & Tibshirani 1993, section 13.3, with
    clusters as the units drawn.
    """
    return bootstrap_all({"": (tallies, finish)}, seed=seed, replicates=replicates)[""]


def bootstrap_all(
    several: Mapping[str, Sums], *, seed: int = 0, replicates: int = REPLICATES
) -> dict[str, dict[str, Estimate]]:
    """As `bootstrap` of each, which are sums over the same clusters: these are drawn once."""
    found = resample_all(several, seed=seed, replicates=replicates)
    return {
        which: {name: _estimate(resamples) for name, resamples in metrics.items()}
        for which, metrics in found.items()
    }


def _draws(clusters: int, seed: int, replicates: int) -> Iterator[Floats]:
    """How often each cluster is drawn, some replicates at a time: (clusters, some).

    A replicate draws as many as there are, with replacement.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    size = max(1, CHUNK_WEIGHTS // clusters)
    for start in range(0, replicates, size):
        chunk = range(start, min(start + size, replicates))
        drawn = (rng.integers(clusters, size=clusters) for _ in chunk)
        times = [np.bincount(places, minlength=clusters) for places in drawn]
        yield np.stack(times, axis=1, dtype=np.float64)


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
