"""`lvlm-eval run`: ask, mark, summarise, and one table for each model at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import typer

from lvlm_eval.commands.arguments import RunArguments, plan
from lvlm_eval.commands.output import show, show_json
from lvlm_eval.commands.progress import Bar
from lvlm_eval.evaluation import Plan, allowed, evaluate, prepare
from lvlm_eval.reporting.breakdowns import run_table
from lvlm_eval.schema import JSON
from lvlm_eval.store import RunStore


def run(arguments: RunArguments, *, dry_run: bool, as_json: bool) -> None:
    """Evaluate what the arguments ask for; TooFewAnswers after the tables are printed."""
    planned = plan(arguments)
    with Bar() as bar:
        if dry_run:
            _show_plan(planned, bar)
            return
        stores = evaluate(planned, bar)
    if as_json:
        show_json({"runs": [_as_json(store) for store in stores]})
    else:
        _show(stores)
    allowed(stores, planned)


def _show(stores: Sequence[RunStore]) -> None:
    for store in stores:
        show(run_table(store))
    for store in stores:
        typer.echo(f"{store.run.model} ({store.run.mode}): {store.folder}")


def _show_plan(planned: Plan, bar: Bar) -> None:
    runs, questions = prepare(planned, bar)
    for run_ in runs:
        typer.echo(f"{run_.model} ({run_.mode}): {run_.adapter} {dict(run_.settings)}")
    for q in questions:
        typer.echo(f"{q.label}: {len(q.samples)} questions")


def _as_json(store: RunStore) -> dict[str, JSON]:
    labels = [task.label for task in store.tasks()]
    summaries = {label: store.task(label).summary() for label in labels}
    return {
        "model": store.run.model,
        "mode": store.run.mode,
        "folder": str(store.folder),
        "run_id": store.run_id,
        "tasks": {label: asdict(s) for label, s in summaries.items() if s is not None},
    }
