"""`lvlm-eval report`: the leaderboard and what stands behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from lvlm_eval.commands.output import show
from lvlm_eval.errors import Incomplete, TooFewAnswers, UsageError
from lvlm_eval.plugins import finish_of
from lvlm_eval.reporting.board import Options
from lvlm_eval.reporting.files import WRITERS, Report, check_formats, make_report, write_report
from lvlm_eval.reporting.results import Found, find, names_of
from lvlm_eval.store import RunStore, find_run, find_runs


@dataclass(frozen=True, slots=True)
class ReportArguments:
    """What the command line asks for; `runs` empty means all under `results`."""

    runs: tuple[str, ...]
    results: Path
    formats: str
    metric: str
    allowed: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()


def report(arguments: ReportArguments, *, as_json: bool) -> None:
    """Print the tables and write them to `leaderboard.*` under the results folder.

    What is there is shown in any case; then raises Incomplete if a task is not marked yet, and
    TooFewAnswers if every answer of one failed.
    """
    formats = [name.strip() for name in arguments.formats.split(",") if name.strip()]
    check_formats(formats)
    found = find(_stores(arguments.runs, arguments.results))
    options = Options(
        arguments.metric, lambda run: finish_of(run, arguments.plugins), arguments.allowed
    )
    made = make_report(found, options)
    files = write_report(arguments.results, made, formats)
    if as_json:
        typer.echo(json.dumps(json.loads(WRITERS["json"](made)), indent=2))
    else:
        _print(made, files)
    _complain(found)


def _stores(runs: Sequence[str], results: Path) -> list[RunStore]:
    if not runs and not results.is_dir():
        raise UsageError(f"no results folder {results}; `lvlm-eval run` makes one, or name a RUN")
    stores = [find_run(run, results) for run in runs] or find_runs(results)
    if not stores:
        raise UsageError(f"no runs under {results}; `lvlm-eval run` makes some")
    return stores


def _print(made: Report, files: Sequence[Path]) -> None:
    for table in made.tables:
        show(table)
    typer.echo("written: " + ", ".join(str(file) for file in files))


def _complain(found: Found) -> None:
    """What is shown and yet not as it should be decides the exit code."""
    if found.unfinished:
        raise Incomplete(
            f"the tables lack {names_of(found.unfinished)}: begun, not marked yet; the same "
            "`lvlm-eval run` goes on, then report again"
        )
    dead = [r for r in found.results if r.summary.failed and not r.summary.n + r.summary.unjudged]
    if dead:
        names = ", ".join(f"{r.label} of {r.row}" for r in dead)
        raise TooFewAnswers(f"{names}: every answer failed, so there is no figure; see the notes")
