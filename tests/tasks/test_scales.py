"""The ends of every headline's scale, which margins, ranks and normalised means stand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import pytest

from lvlm_eval.metrics import add_up
from lvlm_eval.plugins import load_task, task_names
from lvlm_eval.schema import Record

CONFORMANCE = Path(__file__).parents[1] / "data" / "conformance"
# Answers are neither right nor wrong, and the figure has no upper end that is ever met.
UNMARKED = ("coco_caption", "flickr30k", "llava_bench", "nocaps")
VARIANTS = [
    (folder.name, variant)
    for folder in sorted(CONFORMANCE.iterdir())
    if folder.is_dir() and folder.name not in UNMARKED
    for variant in load_task(folder.name).variants
]


@pytest.mark.parametrize("name", task_names())
def test_all_scorers_of_a_task_are_on_one_scale_with_two_ends(name: str) -> None:
    task = load_task(name)
    own = (task.scorer.worst, task.scorer.best)
    assert {(scorer.worst, scorer.best) for scorer in task.variants.values()} == {own}
    assert 0 < task.scorer.scale <= abs(own[1] - own[0])


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_the_better_half_of_the_answers_stands_nearer_the_best_end(
    records: Callable[[str, str], Sequence[Record]], name: str, variant: str
) -> None:
    """Both halves as large as the largest benchmark that counts points, within both ends."""
    scorer = load_task(name).variants[variant]
    clusters = sorted(_units(records(name, variant)), key=_share_right)
    middle = len(clusters) // 2
    values = []
    for half in (clusters[:middle], clusters[middle:]):
        sums = add_up(map(scorer.tally, half))
        many = {key: value * 1000 / sum(map(len, half)) for key, value in sums.items()}
        values.append(scorer.scale * scorer.finish(many)[scorer.headline])
    low, high = sorted((scorer.worst, scorer.best))
    assert all(low <= value <= high + 1e-9 for value in values)
    assert abs(scorer.best - values[0]) > abs(scorer.best - values[1])


def _units(records: Sequence[Record]) -> list[list[Record]]:
    """Whole clusters (MME's points are of pairs); single answers where all are of one cluster."""
    clusters: dict[str, list[Record]] = {}
    for record in records:
        clusters.setdefault(record.sample.cluster, []).append(record)
    return list(clusters.values()) if len(clusters) > 1 else [[record] for record in records]


def _share_right(unit: Sequence[Record]) -> float:
    return fmean(record.score.values["correct"] for record in unit)
