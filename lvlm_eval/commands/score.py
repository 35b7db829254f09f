"""`lvlm-eval score`: mark again from stored answers, or mark answers made elsewhere."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from lvlm_eval.commands.output import show, show_json
from lvlm_eval.durable import fields_of
from lvlm_eval.errors import MissingData, StoreError, UsageError
from lvlm_eval.evaluation import DEMO, judge_answers, questions_of, summarise
from lvlm_eval.judging import Judge, demand_judge, open_judge
from lvlm_eval.plugins import load_task
from lvlm_eval.predictions import read_predictions
from lvlm_eval.questions import Questions
from lvlm_eval.reporting.breakdowns import run_table
from lvlm_eval.run import check_answers, check_verdicts
from lvlm_eval.schema import Response, Run, Task
from lvlm_eval.store import RunStore, find_run
from lvlm_eval.task_store import written


@dataclass(frozen=True, slots=True)
class Source:
    """Answers made elsewhere and the questions they belong to."""

    task: str
    predictions: Path
    name: str | None
    max_failures: float


@dataclass(frozen=True, slots=True)
class Given:
    """What marking needs besides answers; judge: as typed, None where none is given."""

    data: str | None
    cache: Path
    files: Sequence[Path]
    judge: str | None

    def questions(self, task: Task, *, demo: bool) -> Questions:
        root = None if self.data in (None, DEMO) else Path(str(self.data))
        return questions_of(task, root, demo, self.cache)

    def opened_judge(self) -> Judge | None:
        return open_judge(self.judge) if self.judge else None


def score_run(run: str, results: Path, given: Given, *, as_json: bool) -> None:
    """Mark all stored answers of a run again, with today's scorers.

    Its judge may give new verdicts on them; another judge's would be another run's.
    """
    judge = given.opened_judge()
    store = find_run(run, results, to_write=True)
    if judge is not None and judge.name != store.run.judge:
        raise UsageError(
            f"--judge {given.judge}: {store.folder} is judged by {store.run.judge or 'nobody'}, "
            f"not by {judge.name}; figures of different judges are not comparable"
        )
    task_stores = store.tasks()
    if not task_stores:
        raise StoreError(f"{store.folder} has no answers yet")
    for task_store in task_stores:
        name, at, where = task_store.label.partition("@")
        task = load_task(name, given.files)
        questions = given.questions(task, demo=bool(at) and where == DEMO)
        check_same_questions(questions, task_store.task_run().data_digest, str(task_store.folder))
        asked = task_store.attempts()
        judge_answers(store, questions, judge)
        summarise(store, questions, [s for s in questions.samples if s.question_id in asked])
    _finish(store, as_json=as_json)


def score_predictions(source: Source, results: Path, given: Given, *, as_json: bool) -> None:
    """Mark answers made elsewhere, keep them as a run; TooFewAnswers if some are missing."""
    gc.disable()  # millions of plain values, none in a cycle: looking for some takes seconds
    task = load_task(source.task, given.files)
    judge = given.opened_judge() if task.judge else None
    demand_judge([task], judge)
    if not source.predictions.is_file():
        raise MissingData(f"--predictions {source.predictions}: no such file")
    questions = given.questions(task, demo=given.data == DEMO)
    responses = read_predictions(source.predictions, questions.samples)
    digest = hashlib.sha256(source.predictions.read_bytes()).hexdigest()
    name = source.name or source.predictions.stem
    by = judge.name if judge else ""
    run = Run(name, "predictions", {"file": source.predictions.name}, digest, judge=by)
    store = RunStore.create(results, run, {})
    kept = _keep(store, questions, responses)
    judge_answers(store, questions, judge)
    summary = summarise(store, questions, questions.samples, kept)
    _finish(store, as_json=as_json)
    check_answers(summary, source.max_failures, None)
    if task.judge:
        check_verdicts(summary, source.max_failures)


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


def _finish(store: RunStore, *, as_json: bool) -> None:
    if as_json:
        summaries = {task.label: task.summary() for task in store.tasks()}
        found = {label: written(s) for label, s in summaries.items() if s is not None}
        show_json({"folder": str(store.folder), "tasks": found})
        return
    show(run_table(store))
    typer.echo(str(store.folder))
