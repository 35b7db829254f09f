"""What deterministic=true costs, and what it keeps from happening, on made-up loads.

    python -m bench.determinism       # minutes; --images 1 --repeats 1 tries the script out

Both sides have the same weights and take turns on the same questions. Changed: answers that
differ between all questions at once and one at a time; the weights are random, so near ties
are far more common than in a trained model. Seconds are CPU time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from statistics import median

from bench.loads import Load, made_up
from bench.networks import VOCABULARY, dense, experts
from bench.peers import Side, ours
from bench.tables import table
from bench.timing import machine
from lvlm_eval.models.moe_llava.build import to_dtype
from lvlm_eval.models.moe_llava.deterministic import make_deterministic
from lvlm_eval.models.moe_llava.engine.sequence import Question
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.settings import DTYPES

SHAPES = ((6, 8), (18, 8), (6, 64))  # questions an image, new tokens
ALONE = 6  # questions that are asked one at a time
PLAIN, FIXED = "ordinary", "deterministic"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", choices=("bfloat16", "float16"), default="bfloat16")
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    networks = {"dense": dense(given.seed)[0], "experts": experts(given.seed).network}
    rows = [
        measure(f"{name}, {load.name}", network, load, given)
        for name, network in networks.items()
        for load in (Load(given.images, questions, new) for questions, new in SHAPES)
    ]
    print(f"{machine()}. {given.dtype}, {given.images} images, medians of {given.repeats}.\n")
    header = ("load", PLAIN, FIXED, "ratio", "changed", f"{FIXED}: changed")
    print(table(header, rows))


def measure(name: str, network: Network, load: Load, given: argparse.Namespace) -> Sequence[str]:
    """A row of the table. RuntimeError where a deterministic answer minds its company."""
    assert network.vision is not None
    size = network.vision.config.image_size
    questions = made_up(load, size, VOCABULARY, given.seed)
    half = to_dtype(deepcopy(network), DTYPES[given.dtype])
    sides: Mapping[str, Side] = {
        PLAIN: ours(half, load.new_tokens),
        FIXED: ours(make_deterministic(deepcopy(half)), load.new_tokens),
    }
    changed = {side: minded(run, questions) for side, run in sides.items()}
    if changed[FIXED]:
        raise RuntimeError(f"{name}: {changed[FIXED]} deterministic answers mind their company")
    seconds = cpu_seconds(sides, questions, given.repeats)
    plain, fixed = (median(seconds[side]) for side in (PLAIN, FIXED))
    shares = [f"{changed[side]} of {min(ALONE, len(questions))}" for side in (PLAIN, FIXED)]
    return name, f"{plain:.2f} s", f"{fixed:.2f} s", f"{fixed / plain:.2f}", *shares


def cpu_seconds(
    sides: Mapping[str, Side], questions: Sequence[Question], rounds: int
) -> dict[str, list[float]]:
    """CPU seconds of each side, one a round, in turns: what else runs disturbs them little."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            began = time.process_time()
            run(questions)
            seconds[name].append(time.process_time() - began)
    return seconds


def minded(side: Side, questions: Sequence[Question]) -> int:
    """How many of the first answers differ between all questions at once and each by itself."""
    together = side(questions)
    alone = {name: ids for one in questions[:ALONE] for name, ids in side([one]).items()}
    return sum(ids != together[name] for name, ids in alone.items())


if __name__ == "__main__":
    main()
