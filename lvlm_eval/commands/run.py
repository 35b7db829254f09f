"""`lvlm-eval run`: ask, mark, summarise, and one table for each model at the end."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import typer

from lvlm_eval.commands.arguments import RunArguments, plan
from lvlm_eval.commands.launched import Launch, start_here, take_place, together
from lvlm_eval.commands.output import show, show_json
from lvlm_eval.commands.progress import Bar
from lvlm_eval.errors import Incomplete, UsageError
from lvlm_eval.evaluation import Plan, allowed, evaluate, label_of, prepare
from lvlm_eval.model_spec import option_names
from lvlm_eval.placement import Placement, Rank
from lvlm_eval.replicas import evaluate_together, never_asked
from lvlm_eval.reporting.breakdowns import run_table
from lvlm_eval.schema import JSON
from lvlm_eval.store import RunStore
from lvlm_eval.task_store import Decision, written
from lvlm_eval.trackers import Tracker, open_tracker
from lvlm_eval.verdicts import decision_table


def run(arguments: RunArguments, launch: Launch, *, dry_run: bool, as_json: bool) -> None:
    """Evaluate what the arguments ask for; TooFewAnswers after the tables are printed.

    Exit code 1 where --until-decided found a candidate worse than its baseline.
    """
    trackers = [open_tracker(target) for target in arguments.log]
    rank = launch.rank
    if arguments.until_decided and (rank is not None or launch.placement(0).processes > 1):
        raise UsageError("--until-decided asks in one process: what comes next hangs on answers")
    if rank is not None:
        _run_together(arguments, launch, rank, trackers, dry_run=dry_run, as_json=as_json)
        return
    planned, placement = plan(arguments), launch.placement(0)
    with Bar() as bar:
        if dry_run:
            _show_plan(planned, bar)
            return
        if placement.processes > 1:
            _start(planned, launch, placement)
            return
        stores = evaluate(planned, bar)
    _conclude(stores, planned, trackers, as_json=as_json)


def _start(planned: Plan, launch: Launch, placement: Placement) -> None:
    """The same in several processes, started here; Incomplete if one of them was killed."""
    ended = start_here(launch, placement)
    if ended is not None and ended.code < 0:
        left = ", ".join(never_asked(planned))
        raise Incomplete(
            f"rank {ended.rank} was ended by {signal.Signals(-ended.code).name}"
            f"{f': {left} have no answer' if left else ''}; the same command goes on"
        )
    raise typer.Exit(ended.code if ended else 0)


def _run_together(
    arguments: RunArguments,
    launch: Launch,
    rank: Rank,
    trackers: Sequence[Tracker],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """The same in each of a launcher's processes; only rank 0 prints."""
    with together(launch, rank) as team, Bar() as bar:
        planned = plan(arguments)
        place = take_place(launch, team, _devices(planned))
        planned = replace(planned, place=place)
        if dry_run and place.first:
            _show_plan(planned, bar)
        if dry_run:
            return
        stores = evaluate_together(planned, team, bar)
        if place.first:
            _conclude(stores, planned, trackers, as_json=as_json)


def _devices(planned: Plan) -> set[str]:
    """Where those models shall compute that have a device."""
    given = planned.options.get("device", "auto")
    return {
        candidate.spec.options.get("device", given)
        for candidate in planned.candidates
        if "device" in option_names(candidate.spec, planned.plugin_files)
    }


def _conclude(
    stores: Sequence[RunStore], planned: Plan, trackers: Sequence[Tracker], *, as_json: bool
) -> None:
    for track in trackers:
        for store in stores:
            track(store)
    decided = [(store, decisions(store, planned)) for store in stores]
    if as_json:
        show_json({"runs": [_as_json(store, found) for store, found in decided]})
    else:
        _show(decided)
    allowed(stores, planned)
    if any(one.verdict == "worse" for _, found in decided for one in found.values()):
        raise typer.Exit(1)


def decisions(store: RunStore, planned: Plan) -> dict[str, Decision]:
    """What --until-decided found, by task, also written beside the task's summary."""
    if planned.until is None:
        return {}
    labels = [label_of(task, planned.demo) for task in planned.tasks]
    found = {label: planned.until.conclude(store, label) for label in labels}
    for label, decision in found.items():
        store.task(label).write_decision(decision)
    return found


def _show(decided: Sequence[tuple[RunStore, Mapping[str, Decision]]]) -> None:
    for store, found in decided:
        show(run_table(store))
        if found:
            show(decision_table(found))
    for store, _ in decided:
        typer.echo(f"{store.run.model} ({store.run.mode}): {store.folder}")


def _show_plan(planned: Plan, bar: Bar) -> None:
    runs, questions = prepare(planned, bar)
    for run_ in runs:
        typer.echo(f"{run_.model} ({run_.mode}): {run_.adapter} {dict(run_.settings)}")
    for q in questions:
        typer.echo(f"{q.label}: {len(q.samples)} questions")


def _as_json(store: RunStore, found: Mapping[str, Decision]) -> dict[str, JSON]:
    labels = [task.label for task in store.tasks()]
    summaries = {label: store.task(label).summary() for label in labels}
    return {
        "model": store.run.model,
        "mode": store.run.mode,
        "folder": str(store.folder),
        "run_id": store.run_id,
        "tasks": {label: written(s) for label, s in summaries.items() if s is not None},
        "decisions": {label: asdict(decision) for label, decision in found.items()},
    }
