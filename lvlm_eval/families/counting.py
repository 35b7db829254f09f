"""Figures of marked questions: means in all, by group, over groups, and of whole sets of questions.

`accuracy`, `<axis>/<row>`, `mean of <axis>`, and `together`: the share of sets of which every
question is right, as circular evaluation and paired pictures ask. Figures are shares of 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from lvlm_eval.metrics import means, or_none, per_item, tally_values
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer, Tally

ACCURACY = "accuracy"
TOGETHER = "together"
MEAN_OF = "mean of "


@dataclass(frozen=True, slots=True)
class Counting:
    """What is counted.

    axes:     of the samples' groups, each with a figure a row and the mean of these figures.
    together: the fact that names a question's set; "" where each stands alone. The questions of
              a set must share a cluster.
    headline: the figure that stands for all.
    """

    axes: tuple[str, ...] = ()
    together: str = ""
    headline: str = ACCURACY


def counted(
    score: Callable[[Sample, Response], Score], counting: Counting, why: str = ""
) -> Scorer:
    """A scorer that counts the items' "correct" so."""
    return Scorer(
        score=score,
        tally=partial(tally, counting),
        finish=partial(finish, counting),
        headline=counting.headline,
        official=partial(official, counting),
        scale=100.0,
        why=why,
    )


def tally(counting: Counting, records: Sequence[Record]) -> Tally:
    """Sums of one cluster."""
    return tally_values(_values(counting, records))


def _values(counting: Counting, records: Sequence[Record]) -> Iterator[tuple[str, float]]:
    sets: dict[str, float] = {}
    for record in records:
        correct, groups = record.score.values["correct"], record.sample.groups
        yield ACCURACY, correct
        if "lenient" in record.score.values:
            yield f"lenient/{ACCURACY}", record.score.values["lenient"]
        for axis in counting.axes:
            yield f"{axis}/{groups[axis]}", correct
        if counting.together:
            name = str(record.sample.facts[counting.together])
            sets[name] = min(sets.get(name, 1.0), correct)
    yield from ((TOGETHER, right) for right in sets.values())


def finish(counting: Counting, sums: Tally) -> dict[str, float]:
    """The means, and over each axis the mean of its rows."""
    figures = means(sums)
    for axis in counting.axes:
        rows = [value for name, value in figures.items() if name.startswith(f"{axis}/")]
        if rows:
            figures[MEAN_OF + axis] = sum(rows) / len(rows)
    return figures


def official(counting: Counting, records: Sequence[Record]) -> dict[str, JSON]:
    """Every figure and each item's mark."""
    clusters: dict[str, list[Record]] = {}
    for record in records:
        clusters.setdefault(record.sample.cluster, []).append(record)
    values = (pair for cluster in clusters.values() for pair in _values(counting, cluster))
    figures = finish(counting, tally_values(values))
    return {
        "metrics": {name: or_none(value) for name, value in figures.items()},
        "per_item": per_item(records),
    }
