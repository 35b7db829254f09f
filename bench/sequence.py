"""What stopping early costs and saves: wrong verdicts among equals, questions asked.

    python -m bench.sequence --runs 4000

Benchmarks of 9,000 questions, of which 6 of 100 are marked differently than by the baseline.
Within an image the changes are correlated. Alpha is 5 %, for one task and for one of twelve;
the margin is 1 point.
"""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from lvlm_eval.stats import log_capital

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUESTIONS, CHANGED, MARGIN = 9000, 0.06, 0.01
SETTINGS = [  # loss, questions on an image, correlation, tasks
    (0.0, 1, 0.0, 1), (0.0, 5, 0.0, 1), (0.0, 5, 0.3, 1),
    (0.05, 1, 0.0, 1), (0.05, 5, 0.0, 1), (0.05, 5, 0.3, 1),
    (0.05, 1, 0.0, 12), (0.05, 5, 0.0, 12), (0.05, 5, 0.3, 12),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=4000)
    given = parser.parse_args()
    print("| loss | on an image | correlation | tasks | worse | ok | asked: median | 90 % |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for loss, size, correlation, tasks in SETTINGS:
        alpha = 0.05 / tasks
        found = [verdict(s, loss, size, correlation, alpha) for s in range(given.runs)]
        asked = sorted(count for _, count in found)
        worse, ok = (sum(v == name for v, _ in found) / given.runs for name in ("worse", "ok"))
        middle, most = asked[len(asked) // 2], asked[len(asked) * 9 // 10]
        start = f"| {100 * loss:.0f} | {size} | {correlation} | {tasks} "
        print(f"{start}| {worse:.1%} | {ok:.1%} | {middle:,} | {most:,} |", flush=True)


def verdict(
    seed: int, loss: float, size: int, correlation: float, alpha: float
) -> tuple[str | None, int]:
    """The verdict of one run and after how many questions it was reached."""
    values = _values(seed, loss, size, correlation)
    worse = _first(log_capital(values, 0.0, lower=True), alpha)
    ok = _first(log_capital(values, -MARGIN, lower=False), alpha)
    asked = min(worse, ok, len(values))
    if asked == len(values):
        return None, QUESTIONS
    return ("worse" if worse <= ok else "ok"), (asked + 1) * size


def _first(capital: NDArray[np.float64], alpha: float) -> int:
    """The first place at which the capital is large enough; the end where it never is."""
    enough = capital >= -math.log(alpha)
    return int(enough.argmax()) if enough.any() else len(capital)


def _values(seed: int, loss: float, size: int, correlation: float) -> list[float]:
    """Mean differences of the images: a low draw is an answer lost, a high one is gained.

    A question takes its image's draw with probability sqrt(correlation), else one of its own.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    images = QUESTIONS // size
    own, shared = rng.random((images, size)), rng.random((images, 1))
    draw = np.where(rng.random((images, size)) < math.sqrt(correlation), shared, own)
    lost, gained = (CHANGED + loss) / 2, (CHANGED - loss) / 2
    marks = (draw > 1 - gained).astype(float) - (draw < lost).astype(float)
    means: list[float] = marks.mean(axis=1).tolist()
    return means


if __name__ == "__main__":
    main()
