"""`lvlm-eval explain`: one sample as the model gets it, and how its answer is marked."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path

import typer

from lvlm_eval.errors import UsageError
from lvlm_eval.evaluation import DEMO, questions_of
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import Image, Sample, Scorer, Task


def explain(name: str, number: int, data: str | None, cache: Path, files: Sequence[Path]) -> None:
    """Print the task, its scorers, and the sample of that number (from 1)."""
    task = load_task(name, files)
    if number < 1:
        raise UsageError(f"--sample counts from 1, got {number}")
    demo = data in (None, DEMO)
    questions = questions_of(task, None if demo else Path(str(data)), demo, cache)
    chosen = next(islice(questions.samples, number - 1, None), None)
    if chosen is None:
        raise UsageError(f"--sample {number}: {name} has {len(questions.samples)} samples")
    for line in [*_task_lines(task), "", *_sample_lines(chosen, questions.label)]:
        typer.echo(line)


def _task_lines(task: Task) -> Iterator[str]:
    scorer = task.scorer
    yield f"{task.name} (version {task.version}): {task.title}"
    yield f"licence:   {task.licence}"
    yield f"decoding:  {json.dumps(asdict(task.decoding))}"
    yield f"headline:  {scorer.headline} x {scorer.scale:g}, by {task.primary} ({task.assurance})"
    yield f"read:      {_first_paragraph(scorer.score)}"
    yield f"summed:    {_first_paragraph(scorer.tally)}"
    yield f"metrics:   {_first_paragraph(scorer.finish)}"
    for name, variant in task.variants.items():
        if name != task.primary:
            yield f"variant:   {name}: {_reason(variant)}"


def _sample_lines(sample: Sample, label: str) -> Iterator[str]:
    yield f"{label}: {sample.question_id}   ({sample.origin})"
    if sample.prompt.system:
        yield f"system:    {sample.prompt.system}"
    for turn in sample.prompt.turns:
        for part in turn.parts:
            text = f"<image> {part.place}" if isinstance(part, Image) else json.dumps(part)
            yield f"{turn.role + ':':<10} {text}"
    if sample.prompt.images and not sample.prompt.padded:
        yield "pictures:  never padded by LLaVA's own script (preprocess=original heeds it)"
    yield f"target:    {json.dumps(sample.target, ensure_ascii=False)}"
    yield f"facts:     {json.dumps(sample.facts, ensure_ascii=False)}"
    yield f"groups:    {json.dumps(sample.groups, ensure_ascii=False)}"
    yield f"cluster:   {sample.cluster}"


def _first_paragraph(function: Callable[..., object]) -> str:
    """What a scorer's function says of itself, on one line."""
    while isinstance(function, partial):
        function = function.func
    text = inspect.getdoc(function) or ""
    return " ".join(text.split("\n\n")[0].split())


def _reason(scorer: Scorer) -> str:
    return scorer.why or _first_paragraph(scorer.score)
