"""How even experts' loads are over two groups of ranks: in turn, and balanced by measurement.

    python -m bench.expert_load [QUESTIONS]        the bundled model on the bundled questions

Loads are counted on every other question and the placement is judged on the rest, so that it has
not seen what it is judged by. 1 is even; all wait in each layer for its busiest group.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from lvlm_eval.demo.root import demo_root
from lvlm_eval.model_spec import DEMO_CHECKPOINTS
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.adapter import MoELlava
from lvlm_eval.models.moe_llava.parallel.experts import balanced, imbalance, in_turn
from lvlm_eval.schema import Decoding, Request
from lvlm_eval.tasks.pope import TASK

GROUPS = 2
Counts = dict[int, list[int]]


def loads(model: MoELlava, requests: list[Request]) -> Counts:
    """For each MoE layer, how many choices each expert served while these were answered."""
    for _ in model.generate(iter(requests), Decoding(max_new_tokens=8)):
        pass
    return model.take_served()


def main(count: int) -> None:
    model = moe_llava.load(str(DEMO_CHECKPOINTS / "demo"), device="cpu", routing_stats=True)
    with tempfile.TemporaryDirectory() as cache:
        samples = list(islice(TASK.samples(demo_root(Path(cache))), count))
        requests = [sample.request for sample in samples]
        seen, unseen = loads(model, requests[::2]), loads(model, requests[1::2])
    counts: Mapping[int, int] = {layer: len(served) for layer, served in seen.items()}
    print(f"{len(requests)} questions; choices by layer and expert: {unseen}")
    turn, even = in_turn(counts, GROUPS), balanced(seen, GROUPS)
    print(f"in turn  {turn}: {float(imbalance(unseen, turn, GROUPS)):.3f}")
    print(f"balanced {even}: {float(imbalance(unseen, even, GROUPS)):.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
