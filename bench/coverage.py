"""How often an interval holds the truth: simulated means and F1s of 500 clusters.

    python -m bench.coverage --simulations 4000

Clusters of one to nine questions are easy or hard as a whole. The true figures are those of a
million clusters.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

from lvlm_eval.metrics import add_up, binary
from lvlm_eval.schema import Tally
from lvlm_eval.stats import bootstrap

CELLS = ("tp", "fp", "tn", "fn")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulations", type=int, default=4000)
    parser.add_argument("--clusters", type=int, default=500)
    given = parser.parse_args()
    for name, share in coverage(given.simulations, given.clusters).items():
        print(f"{name}: {share:.1%} of {given.simulations} intervals hold the truth")


def coverage(simulations: int, clusters: int, seed: int = 0) -> dict[str, float]:
    """The share of 95 % intervals that hold the true accuracy, and the true F1."""
    rng = random.Random(seed)
    truth = figures(add_up(drawn(rng, 1_000_000)))
    held = dict.fromkeys(truth, 0)
    for simulation in range(simulations):
        found = bootstrap(drawn(rng, clusters), figures, seed=simulation)
        for name, estimate in found.items():
            assert estimate.low is not None and estimate.high is not None
            held[name] += estimate.low <= truth[name] <= estimate.high
    return {name: count / simulations for name, count in held.items()}


def figures(sums: Tally) -> dict[str, float]:
    found = binary(*(sums.get(cell, 0.0) for cell in CELLS))
    return {"mean": found["accuracy"], "F1": found["f1"]}


def drawn(rng: random.Random, clusters: int) -> Sequence[Tally]:
    """Confusion tables of that many images: a third of the questions have yes for a target."""
    tallies = []
    for _ in range(clusters):
        ease = rng.choice((0.95, 0.55))
        cells = dict.fromkeys(CELLS, 0.0)
        for _ in range(rng.randint(1, 9)):
            right, yes = rng.random() < ease, rng.random() < 1 / 3
            cells[("tp" if yes else "tn") if right else ("fn" if yes else "fp")] += 1.0
        tallies.append(cells)
    return tallies


if __name__ == "__main__":
    main()
