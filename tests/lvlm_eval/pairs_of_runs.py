"""Marked runs of the task `tiny` with chosen marks, for everything that compares runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.durable import fields_of
from lvlm_eval.schema import Decoding, Estimate, Mode, Run, Summary, Tally, TaskRun
from lvlm_eval.store import RunStore
from lvlm_eval.task_store import ScoreLine

SUMMARY = Summary(
    task="tiny",
    version=1,
    headline="accuracy",
    scale=1.0,
    metrics={"accuracy": Estimate(50.0, 40.0, 60.0)},
    variants={},
    why={},
    shown=(),
    absent=(),
    n=0,
    asked=0,
    total=1000,
    failed=0,
    unparsed=0,
    unjudged=0,
    cut=0,
    certified="declared",
)


def accuracy(sums: Tally) -> dict[str, float]:
    return {"accuracy": 100 * sums["right"] / sums["asked"]}


def lines_of(marks: Mapping[str, float], size: int, named: str) -> list[ScoreLine]:
    """A line a question; `size` neighbours share a cluster, whose first line has the sums."""
    ids = list(marks)
    lines = []
    for place, question in enumerate(ids):
        start = place - place % size
        members = ids[start : start + size]
        sums = {"right": sum(marks[m] for m in members), "asked": float(len(members))}
        answer = "yes" if marks[question] else "no"
        tally = sums if place == start else {}
        lines.append(
            ScoreLine(question, {named: marks[question]}, answer, "", "yes", {}, f"c{start}", tally)
        )
    return lines


def marked_run(
    results: Path,
    marks: Sequence[float] | Mapping[str, float],
    *,
    model: str = "a",
    size: int = 1,
    mode: Mode = "normal",
    task: str = "tiny",
    named: str = "correct",
    decoding: Decoding = Decoding(),  # noqa: B008  # frozen
    **changes: object,
) -> RunStore:
    """A run whose answers got these marks, by that name; `changes` are fields of its summary."""
    if not isinstance(marks, Mapping):
        marks = {f"q{number}": float(mark) for number, mark in enumerate(marks)}
    store = RunStore.create(results, Run(model, "parrot", {}, model, mode), {})
    folder = store.task(task)
    folder.begin(TaskRun(task.partition("@")[0], 1, "d0", "", "p0", decoding, 1000))
    counts = {"n": len(marks), "asked": len(marks)}
    folder.write_summary(replace(SUMMARY, task=task, **(counts | changes)))  # type: ignore[arg-type]
    folder.write_scores(map(fields_of, lines_of(marks, size, named)))
    return store
