"""How much memory the engine takes beside the weights, under several budgets of cached positions.

    python -m bench.memory            # --quick: one budget

Each run is a process of its own: its largest resident size, less what it had once the network was
there and had answered one question. The budget is for keys and values, the tensors of the forward
under way, attention's scores and the pictures' vectors together.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.load import status_bytes
from bench.loads import Load, made_up
from bench.networks import DENSE, VOCABULARY, dense
from bench.peers import ours
from bench.tables import table

LOAD = Load(images=8, questions=18, new_tokens=8)
BUDGETS, QUICK = (1500, 6000, 24000), (1500,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one budget")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    print(json.dumps(measure(given.measure)) if given.measure else report(given))


def report(given: argparse.Namespace) -> str:
    """The whole section, in Markdown."""
    header = ["budget, positions", "the budget, MB", "taken beside the weights, MB"]
    rows = []
    for budget in QUICK if given.quick else BUDGETS:
        command = [sys.executable, "-m", "bench.memory", "--measure", str(budget)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        found: Mapping[str, float] = json.loads(done.stdout)
        cells = [found["budget"] / 1e6, found["taken"] / 1e6]
        rows.append([f"{budget:,}", *(f"{cell:.0f}" for cell in cells)])
    return f"{LOAD.images} images, {LOAD.name}.\n\n{table(header, rows)}"


def measure(budget: int) -> dict[str, float]:
    """Bytes of keys and values that the budget allows, and bytes taken, in this process."""
    assert DENSE.vision is not None
    network, _ = dense(0)
    questions = made_up(LOAD, DENSE.vision.image_size, VOCABULARY, seed=0)
    answer = ours(network, LOAD.new_tokens, budget)
    answer(questions[:1])
    Path("/proc/self/clear_refs").write_text("5")  # the largest size so far is forgotten
    before = status_bytes("VmRSS")
    answer(questions)
    decoder = DENSE.decoder
    position = 2 * decoder.layers * decoder.kv_heads * decoder.head_width * 4
    return {"budget": budget * position, "taken": status_bytes("VmHWM") - before}


if __name__ == "__main__":
    main()
