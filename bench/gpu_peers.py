"""Questions a second on a GPU: ours beside Hugging Face's `generate`, the same dense model.

    python -m bench.gpu_peers         # minutes, and 14 GB of GPU memory for the weights

LLaVA-1.5-7B's shape with drawn weights, answers of 8 tokens. Hugging Face is given the first
questions of the load, for to it one batch is like the next; sides in turns, medians. Of drawn
weights the likeliest tokens are near ties, which half precision decides this way or that: first
tokens are compared, Hugging Face's own two batch sizes as well.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial

import torch

from bench.floor import settle
from bench.loads import Load, made_up
from bench.networks import dense_on
from bench.peers import Answers, Side, hugging_face, ours
from bench.real_size import gpu_name
from bench.tables import table
from bench.timing import take_turns
from lvlm_eval.models.moe_llava.config import (
    DecoderConfig,
    NetworkConfig,
    ProjectorConfig,
    VisionConfig,
)
from lvlm_eval.models.moe_llava.settings import DTYPES, PLACES

VISION = VisionConfig(
    width=1024, mlp_width=4096, layers=24, heads=16, image_size=336, patch_size=14
)
LLAMA_7B = DecoderConfig(
    vocab_size=32064, width=4096, mlp_width=11008, layers=32, heads=32, kv_heads=32,
    rotary_width=128, norm="rms", norm_eps=1e-5, parallel=False, gated=True, activation="silu",
    qkv_bias=False, out_bias=False, mlp_bias=False,
)  # fmt: skip
QUESTIONS, NEW_TOKENS = 18, 8
BATCHES = (8, 64)  # of Hugging Face; each is given two batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="bfloat16")
    parser.add_argument("--images", type=int, default=56)
    parser.add_argument("--layers", type=int, default=32, help="fewer, to try the script out")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        print("no GPU here: nothing was measured")
        return
    print(measure(given))


def measure(given: argparse.Namespace) -> str:
    """The table, in Markdown."""
    decoder = replace(LLAMA_7B, layers=given.layers)
    config = NetworkConfig(decoder, VISION, ProjectorConfig(2, VISION.width, decoder.width))
    network, theirs = dense_on(torch.device(given.device), DTYPES[given.dtype], given.seed, config)
    load = Load(given.images, QUESTIONS, NEW_TOKENS)
    questions = made_up(load, VISION.image_size, decoder.vocab_size, given.seed)
    places = PLACES[torch.device(given.device).type]
    sides: dict[str, tuple[Side, int]] = {
        "ours": (ours(network, NEW_TOKENS, batch=places), len(questions))
    }
    for batch in BATCHES:
        count = min(2 * batch, len(questions))
        sides[f"HF batch {batch}"] = hugging_face(theirs, batch, NEW_TOKENS), count
    answers: dict[str, Answers] = {}

    def run(name: str) -> None:
        side, count = sides[name]
        answers[name] = side(questions[:count])
        settle(given.device)

    for name in sides:
        run(name)
    turns = take_turns({name: partial(run, name) for name in sides}, given.repeats)
    rows, mine = [], len(questions) / turns.median("ours")
    for name, (_, count) in sides.items():
        rate = count / turns.median(name)
        equal = [
            same(answers[name], answers[other]) for other in ("ours", f"HF batch {BATCHES[0]}")
        ]
        rows.append((name, str(count), f"{rate:.1f}", f"{mine / rate:.1f}", *equal))
    title = f"{load.name}, {given.images} images, {given.layers} layers, {given.dtype}"
    title += f"{gpu_name(given.device)}; torch {torch.__version__}"
    rates = ("side", "questions given", "questions a second", "ours / it")
    header = (*rates, "first tokens as ours", f"as HF batch {BATCHES[0]}")
    return f"{title}\n\n{table(header, rows)}"


def same(some: Answers, others: Answers) -> str:
    """How many of the questions that both have got begin with the same token."""
    both = some.keys() & others.keys()
    return f"{sum(some[key][0] == others[key][0] for key in both)} of {len(both)}"


if __name__ == "__main__":
    main()
