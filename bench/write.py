"""`make bench`: measures everything that needs no GPU and writes docs/benchmarks.md.

    python -m bench.write             # on a machine that has nothing else to do

The page is made of what this run measured and of nothing else.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path

from bench import generate, memory, moe

PAGE = Path(__file__).parents[1] / "docs/benchmarks.md"
_HEAD = """\
# How fast it is

Written by `make bench` on {date} from commit {commit}, in {minutes:.0f} minutes. Every figure is
from that one run; on another machine, or beside other work, they are others. Ratios hold better:
the sides of a row took turns in one process, with the same weights, threads and questions.
"""
_GENERATE = """\
## Answers to questions about images

`python -m bench.generate`

{what}

A prompt is 35 tokens of system text, an image of 576, and 26 to 28 tokens of question, of which the
first 4 begin all questions; ids and pixels are made up. Answers have exactly the length named.
"HF" is `LlavaForConditionalGeneration.generate` of Hugging Face's transformers with the same
weights; the naive loop computes each image once and asks its questions one by one behind it; the
original's loop is MoE-LLaVA's way, written anew: batch 1, every image anew, one-hot dispatch. Tests
compare it with recorded logits and answers of the original (`tests/bench/test_original.py`).
"Parted": answers of other sides that differ from ours after a near-tie, of all that were compared;
any other difference ends the run. "Load" is the machine's load average, this work included.

The floor is the time of the matrix products that no order of work can avoid, at the speed that the
same products have alone, measured in the same run (`bench/floor.py`).
"""
_MOE = """\
## The expert layer alone

`python -m bench.moe`

{what}
"""
_MEMORY = """\
## Memory

`python -m bench.memory`

{what}
"""
_GPU = """\
## On a GPU

`python -m bench.gpu` asks 18 questions about each of 500 images, in the shapes of Phi2-2.7B with 4
experts, in bf16. It was not part of this run; [gpu.md](gpu.md) has what was measured on one.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    generate.add_options(parser)
    parser.add_argument("--output", type=Path, default=PAGE)
    given = parser.parse_args()
    start = time.perf_counter()
    parts = [
        _GENERATE.format(what=_sentences(generate.__doc__)),
        generate.report(given),
        _MOE.format(what=_sentences(moe.__doc__)),
        moe.report(given),
        _MEMORY.format(what=_sentences(memory.__doc__)),
        memory.report(given),
        _GPU,
    ]
    minutes = (time.perf_counter() - start) / 60
    date = time.strftime("%Y-%m-%d")
    head = _HEAD.format(date=date, commit=_commit(), minutes=minutes)
    given.output.write_text("\n".join([head, *parts]))
    print(f"{given.output}: written in {minutes:.1f} minutes")


def _sentences(doc: str | None) -> str:
    """A module's description behind its first line and its command."""
    assert doc is not None
    return doc.strip().split("\n\n", 2)[2]


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=PAGE.parent)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
