"""How often the gate closes on a candidate that is as good as its baseline.

    python -m bench.gate --pairs 1000 --correlation 0.3

Each pair of checkpoints answers the twelve benchmarks of LLaVA-1.5 at their sizes: 85 % right,
and 6 of 100 questions marked differently, as many gained as lost. Within an image the changes
are correlated. Every task is compared and judged as `lvlm-eval check` does; a pair is red if
any of the twelve is found worse.
"""

from __future__ import annotations

import argparse
import math
from functools import partial
from typing import TYPE_CHECKING

from lvlm_eval.comparison import TaskComparison
from lvlm_eval.metrics import binary, ratio
from lvlm_eval.regression import Policy, judge
from lvlm_eval.schema import Tally
from lvlm_eval.stats import ToMetrics, mcnemar, paired_differences, scaled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RIGHT, CHANGED = 0.85, 0.06
RESAMPLES = 200  # a fifth of the gate's own: a standard error is known to 5 % by them
# questions and images (or pages, or questions where each has its own)
SIZES = {
    "vqav2": (107394, 36807), "gqa": (12578, 398), "vizwiz": (8000, 8000),
    "scienceqa": (4241, 4241), "textvqa": (5000, 3166), "pope": (8910, 500), "mme": (2374, 1187),
    "mmbench_en": (1164, 1164), "mmbench_cn": (1164, 1164), "seed_bench": (14233, 14233),
    "llava_bench": (60, 24), "mm_vet": (218, 200),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--correlation", type=float, default=0.3)
    given = parser.parse_args()
    run = partial(_worse, correlation=given.correlation)
    found = []
    for seed in range(given.pairs):
        found.append(run(seed))
        if (seed + 1) % 50 == 0:
            print(seed + 1, sum(map(bool, found)), flush=True)
    red = sum(bool(tasks) for tasks in found)
    names = [name for tasks in found for name in tasks]
    by_task = ", ".join(f"{name} {names.count(name)}" for name in SIZES if name in names)
    print(f"correlation {given.correlation}: {red} of {len(found)} pairs red ({by_task or 'none'})")


def _worse(seed: int, *, correlation: float) -> list[str]:
    """The tasks on which a candidate as good as its baseline is judged worse."""
    import numpy as np

    rng = np.random.default_rng(seed)
    compared = [_comparison(name, rng, correlation) for name in SIZES]
    return [v.comparison.label for v in judge(compared, Policy()) if v.verdict == "worse"]


def _comparison(name: str, rng: np.random.Generator, correlation: float) -> TaskComparison:
    questions, clusters = SIZES[name]
    size = math.ceil(questions / clusters)
    before, after = _marks(rng, clusters, size, correlation)
    yes = _targets(rng, name, clusters, size)
    new, old = (_tallies(name, marks, yes) for marks in (after, before))
    finish = FINISHES.get(name, _share)
    found = paired_differences(new, old, finish, replicates=RESAMPLES)["headline"]
    lost, gained = int((before > after).sum()), int((after > before).sum())
    exact = size == 1 and name not in FINISHES
    return TaskComparison(
        label=name,
        headline="headline",
        values=(None, None),
        difference=scaled(found.estimate, 1.0),
        p=mcnemar(gained, lost) if exact else found.p,
        test="mcnemar" if exact else "bootstrap",
        detectable=found.detectable,
        gained=gained,
        lost=lost,
        questions=clusters * size,
        clusters=clusters,
        left_out=0,
        differing=found.differing,
        same=False,
        span=2000.0 if name == "mme" else 100.0,
        flips=(),
    )


def _marks(
    rng: np.random.Generator, clusters: int, size: int, correlation: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Right (1) or wrong (0) before and after, (clusters, size) each.

    A question takes its image's draw with probability sqrt(correlation), else one of its own:
    a low draw loses what was right, a high one gains what was wrong.
    """
    import numpy as np

    before = rng.random((clusters, size)) < RIGHT
    own, shared = rng.random((clusters, size)), rng.random((clusters, 1))
    draw = np.where(rng.random((clusters, size)) < math.sqrt(correlation), shared, own)
    lost = before & (draw < CHANGED / 2 / RIGHT)
    gained = ~before & (draw > 1 - CHANGED / 2 / (1 - RIGHT))
    after = (before & ~lost) | gained
    return before.astype(np.int64), after.astype(np.int64)


def _targets(rng: np.random.Generator, name: str, clusters: int, size: int) -> NDArray[np.int64]:
    """Which questions have yes for a target: half of POPE's, and one of MME's two."""
    import numpy as np

    if name == "mme":
        return np.tile(np.array([1, 0]), (clusters, 1))
    return (rng.random((clusters, size)) < 0.5).astype(np.int64)


def _tallies(name: str, marks: NDArray[np.int64], yes: NDArray[np.int64]) -> list[Tally]:
    if name == "pope":
        sums = [marks * yes, (1 - marks) * yes, marks * (1 - yes), (1 - marks) * (1 - yes)]
        cells = [one.sum(axis=1).tolist() for one in sums]
        return [
            dict(zip(("tp", "fn", "tn", "fp"), row, strict=True))
            for row in zip(*cells, strict=True)
        ]
    right, both = marks.sum(axis=1).tolist(), marks.min(axis=1).tolist()
    return [
        {"right": r, "both": b, "n": marks.shape[1], "c": 1}
        for r, b in zip(right, both, strict=True)
    ]


def _share(sums: Tally) -> dict[str, float]:
    return {"headline": 100 * ratio(sums["right"], sums["n"])}


def _f1(sums: Tally) -> dict[str, float]:
    return {"headline": 100 * binary(sums["tp"], sums["fp"], sums["tn"], sums["fn"])["f1"]}


def _points(sums: Tally) -> dict[str, float]:
    """MME's accuracy and accuracy+, over as many points as ten sub-tests have."""
    both = ratio(sums["both"], sums["c"])
    return {"headline": 1000 * (ratio(sums["right"], sums["n"]) + both)}


FINISHES: dict[str, ToMetrics] = {"pope": _f1, "mme": _points}


if __name__ == "__main__":
    main()
