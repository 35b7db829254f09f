"""`lvlm-eval score`: mark again from stored answers, or mark answers made elsewhere."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from lvlm_eval.commands.output import show, show_json
from lvlm_eval.durable import fields_of
from lvlm_eval.errors import MissingData, StoreError, UsageError
from lvlm_eval.evaluation import DEMO, questions_of, summarise
from lvlm_eval.plugins import load_task
from lvlm_eval.predictions import read_predictions
from lvlm_eval.questions import Questions
from lvlm_eval.reporting.breakdowns import run_table
from lvlm_eval.run import check_answers
from lvlm_eval.schema import Response, Run
from lvlm_eval.store import RunStore, find_run


@dataclass(frozen=True, slots=True)
class Source:
    """Answers made elsewhere and the questions they belong to."""

    task: str
    predictions: Path
    data: str | None
    name: str | None
    max_failures: float


def score_run(
    run: str,
    results: Path,
    data: str | None,
    cache: Path,
    files: Sequence[Path],
    *,
    as_json: bool,
) -> None:
    """Mark all stored answers of a run again, with today's scorers."""
    store = find_run(run, results, to_write=True)
    task_stores = store.tasks()
    if not task_stores:
        raise StoreError(f"{store.folder} has no answers yet")
    for task_store in task_stores:
        name, at, where = task_store.label.partition("@")
        task = load_task(name, files)
        questions = questions_of(task, _root(data), bool(at) and where == DEMO, cache)
        check_same_questions(questions, task_store.task_run().data_digest, str(task_store.folder))
        asked = task_store.attempts()
        summarise(store, questions, [s for s in questions.samples if s.question_id in asked])
    _finish(store, as_json=as_json)


def score_predictions(
    source: Source, results: Path, cache: Path, files: Sequence[Path], *, as_json: bool
) -> None:
    """Mark answers made elsewhere, keep them as a run; TooFewAnswers if some are missing."""
    gc.disable()  # millions of plain values, none in a cycle: looking for some takes seconds
    task = load_task(source.task, files)
    if not source.predictions.is_file():
        raise MissingData(f"--predictions {source.predictions}: no such file")
    demo = source.data == DEMO
    questions = questions_of(task, _root(source.data), demo, cache)
    responses = read_predictions(source.predictions, questions.samples)
    digest = hashlib.sha256(source.predictions.read_bytes()).hexdigest()
    name = source.name or source.predictions.stem
    run = Run(name, "predictions", {"file": source.predictions.name}, digest)
    store = RunStore.create(results, run, {})
    kept = _keep(store, questions, responses)
    summary = summarise(store, questions, questions.samples, kept)
    _finish(store, as_json=as_json)
    check_answers(summary, source.max_failures, None)


def _keep(
    store: RunStore, questions: Questions, responses: Sequence[Response]
) -> dict[str, Response]:
    """Writes the answers that are not there yet; gives those that count, by question."""
    task_store = store.task(questions.label)
    task_store.begin(questions.task_run(questions.task.decoding))
    known = task_store.responses()
    with task_store.writer() as writer:
        writer.add_all(fields_of(r) for r in responses if r.question_id not in known)
    return {response.question_id: response for response in responses} | known


def check_same_questions(questions: Questions, digest: str, where: str) -> None:
    """Raises UsageError where a run's answers belong to other questions than these."""
    if questions.data_digest != digest:
        raise UsageError(
            f"{where} holds answers to other questions than those under --data: the data digest "
            f"is {digest[:12]} there and {questions.data_digest[:12]} here"
        )


def _root(data: str | None) -> Path | None:
    return None if data in (None, DEMO) else Path(data)


def _finish(store: RunStore, *, as_json: bool) -> None:
    if as_json:
        summaries = {task.label: task.summary() for task in store.tasks()}
        found = {label: asdict(s) for label, s in summaries.items() if s is not None}
        show_json({"folder": str(store.folder), "tasks": found})
        return
    show(run_table(store))
    typer.echo(str(store.folder))
