"""What quantisation costs and saves: the demo tasks at full precision and quantised, side by side.

Both models are asked the same questions in one process, after a few to warm up; the difference
is paired, its interval that of every comparison of lvlm_eval. Exit code 1 if a headline falls by
more than two points of a hundred. `python bench/quant.py --help` for the choices.

int4's kernel needs a GPU. `--quant int4-rounding` measures what its rounding costs on any machine:
the same weights rounded to the same grid, computed in full precision.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import torch
from torch import Tensor

from lvlm_eval.api import CACHE
from lvlm_eval.durable import parse
from lvlm_eval.evaluation import questions_of
from lvlm_eval.model_spec import load_model, parse_model
from lvlm_eval.models.moe_llava.adapter import MoELlava
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.quant import INT4_GROUP, is_quantised, weight_bytes
from lvlm_eval.plugins import select_tasks
from lvlm_eval.questions import Questions, choose
from lvlm_eval.run import mark
from lvlm_eval.schema import Estimate, Sample
from lvlm_eval.stats import paired_difference, scaled
from lvlm_eval.task_store import ScoreLine

ALLOWED = 2.0  # points of a hundred
HIGHEST = {"mme": 800.0}  # the bundled MME asks four sub-tests of 200 points; the rest: percent
ROUNDING = "int4-rounding"
WARM_UP = 8  # questions asked before the clock runs


@dataclass(frozen=True, slots=True)
class Side:
    """One model's answers to one task, marked. headline: in the paper's unit."""

    texts: dict[str, str]
    lines: list[ScoreLine]
    headline: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """Both sides of one task: the difference is quantised minus plain; `texts` and `marks` are
    the answers whose text, and whose mark, is another."""

    task: str
    plain: Side
    small: Side
    difference: Estimate
    texts: int
    marks: int

    @property
    def allowed(self) -> bool:
        change = self.difference.value
        return change is not None and change >= -ALLOWED * HIGHEST.get(self.task, 100.0) / 100


def main() -> int:
    options = _options()
    print(f"torch {version('torch')}, torchao {version('torchao')}, {_processor()}, ", end="")
    print(f"{torch.get_num_threads()} threads, device={options.device}, ", end="")
    group = f", groups of {options.group}" if options.quant == ROUNDING else ""
    print(f"dtype={options.dtype}, quant={options.quant}{group}")
    tasks = [questions_of(t, None, True, CACHE) for t in select_tasks(options.tasks)]
    rows = [row for name in options.models.split(",") for row in compare(name, tasks, options)]
    worst = [row.task for row in rows if not row.allowed]
    print(f"\nmore than {ALLOWED} points of a hundred lost on: {', '.join(worst) or 'no task'}")
    return 1 if worst else 0


def compare(name: str, tasks: Sequence[Questions], options: argparse.Namespace) -> Iterator[Row]:
    """A row a task, each printed as soon as it is known, and before them the bytes of weights."""
    plain, small = (_open(name, quant, options) for quant in ("none", options.quant))
    sizes = [weight_bytes(model.engine.network) for model in (plain, small)]
    decoders = [weight_bytes(model.engine.network.decoder.blocks) for model in (plain, small)]
    print(f"\n{name}: {sizes[0]:,} to {sizes[1]:,} bytes of weights, ", end="")
    print(f"decoder layers {decoders[0]:,} to {decoders[1]:,}")
    print(f"{'task':8}{'plain':>8}{'quant':>8}  difference [95 %]", end="")
    print(f"{'texts':>13}{'marks':>7}{'asked':>7}{'s plain':>9}{'s quant':>9}")
    for questions in tasks:
        chosen = choose(questions.samples, options.limit)
        wanted = [sample for sample in questions.samples if sample.question_id in _ids(chosen)]
        row = _row(questions, *(_ask(model, questions, wanted) for model in (plain, small)))
        _print(row)
        yield row


def _open(name: str, quant: str, options: argparse.Namespace) -> MoELlava:
    """The model with its weights in memory."""
    given = {"device": options.device, "dtype": options.dtype}
    if quant != ROUNDING:
        given["quant"] = quant
    model = load_model(parse_model(name), given)
    assert isinstance(model, MoELlava)
    if quant == ROUNDING:
        _round(model.engine.network, options.group)
    return model


def _round(network: Network, group: int) -> None:
    """Gives what int4 would shrink the values that int4 would leave."""
    for name, module in network.named_modules():
        if is_quantised(name, module):
            module.weight.data = int4_rounded(module.weight.data, group)


def int4_rounded(weight: Tensor, group: int) -> Tensor:
    """Weights (rows, columns) on tinygemm's grid, chosen in bfloat16 as torchao chooses it.

    16 levels from the least to the largest weight of each group, given by scale and centre.
    """
    groups = weight.bfloat16().reshape(len(weight), -1, group)  # (rows, groups, group)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    scale = ((high - low) / 15).clamp(min=torch.finfo(torch.bfloat16).smallest_normal)
    centre = low + 8 * scale
    levels = ((groups - (centre - 8 * scale)) / scale).round().clamp(0, 15)
    rounded = (levels.float() - 8) * scale.float() + centre.float()  # (rows, groups, group)
    return rounded.flatten(1).to(weight.dtype)


def _ask(model: MoELlava, questions: Questions, wanted: Sequence[Sample]) -> Side:
    task = questions.task
    list(model.generate([sample.request for sample in wanted[:WARM_UP]], task.decoding))
    started = time.perf_counter()
    answers = list(model.generate([sample.request for sample in wanted], task.decoding))
    seconds = time.perf_counter() - started
    lines, summary = mark(questions, wanted, {answer.question_id: answer for answer in answers})
    assert summary.n == len(wanted), f"{task.name}: {summary.failed} answers failed"
    value = summary.metrics[summary.headline].value
    assert value is not None
    texts = {answer.question_id: answer.text for answer in answers}
    return Side(
        texts, [parse(ScoreLine, line, "") for line in lines], value * summary.scale, seconds
    )


def _row(questions: Questions, plain: Side, small: Side) -> Row:
    scorer = questions.task.scorer
    one, other = ([line.tally for line in s.lines if line.tally] for s in (small, plain))
    found = paired_difference(one, other, scorer.finish)[scorer.headline]
    in_unit = scaled(found, scorer.scale)
    texts = sum(plain.texts[question] != text for question, text in small.texts.items())
    marks = sum(a.values != b.values for a, b in zip(plain.lines, small.lines, strict=True))
    return Row(questions.task.name, plain, small, in_unit, texts, marks)


def _print(row: Row) -> None:
    change = row.difference
    interval = f"{change.value:+.2f} [{change.low:+.2f}, {change.high:+.2f}]"
    print(f"{row.task:8}{row.plain.headline:8.2f}{row.small.headline:8.2f}  {interval:24}", end="")
    print(f"{row.texts:7}{row.marks:7}{len(row.plain.lines):7}", end="")
    print(f"{row.plain.seconds:9.1f}{row.small.seconds:9.1f}", flush=True)


def _ids(samples: Sequence[Sample]) -> set[str]:
    return {sample.question_id for sample in samples}


def _processor() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", default="demo,demo:dense")
    parser.add_argument("--tasks", default="vqav2,gqa,pope,mme")
    parser.add_argument("--quant", default="int8", choices=("int8", "int4", ROUNDING))
    parser.add_argument("--group", type=int, default=INT4_GROUP, help=f"of {ROUNDING}")
    parser.add_argument("--limit", type=int, default=None, help="questions a task")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
