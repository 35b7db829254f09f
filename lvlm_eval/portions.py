"""Questions dealt out to workers: in portions that shrink, so that all end at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lvlm_eval.schema import Sample

LARGEST = 16_384  # questions: what an engine looks at together
SMALLEST = 64  # below, a model has too little to compute at once


@dataclass(frozen=True, slots=True)
class Portion:
    """Questions that one worker asks at a time.

    model, task: their places in a plan. ids: whole clusters, so that questions about one picture
    are asked together.
    """

    model: int
    task: int
    ids: tuple[str, ...]


def divide(wanted: Mapping[tuple[int, int], Sequence[Sample]], workers: int) -> list[Portion]:
    """All that is wanted, by the places of model and task, in the order in which it is asked.

    Each portion is half of what would be left for every worker: large ones first, so that little
    is lost between portions, small ones at the end, so that nobody waits long for the last.
    """
    left = sum(map(len, wanted.values()))
    smallest = min(SMALLEST, max(1, left // (4 * workers)))
    portions = []
    for (model, task), samples in wanted.items():
        ids: list[str] = []
        for cluster in _clusters(samples):
            ids += cluster
            if len(ids) >= min(LARGEST, max(smallest, left // (2 * workers))):
                portions.append(Portion(model, task, tuple(ids)))
                left, ids = left - len(ids), []
        if ids:
            portions.append(Portion(model, task, tuple(ids)))
            left -= len(ids)
    return portions


def _clusters(samples: Sequence[Sample]) -> Iterator[list[str]]:
    clusters: dict[str, list[str]] = {}
    for sample in samples:
        clusters.setdefault(sample.cluster, []).append(sample.question_id)
    yield from clusters.values()
