"""`lvlm-eval report`: the leaderboard and what stands behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from lvlm_eval.commands.output import show
from lvlm_eval.errors import Incomplete, MissingData, TooFewAnswers, UsageError
from lvlm_eval.evaluation import DEMO, questions_of
from lvlm_eval.plugins import finish_of, load_task
from lvlm_eval.reporting.board import Options
from lvlm_eval.reporting.files import WRITERS, Report, check_formats, make_report, write_report
from lvlm_eval.reporting.html.browsing import SAMPLES, Browsing
from lvlm_eval.reporting.html.thumbnails import MAX_PICTURES, Limits, picture_samples
from lvlm_eval.reporting.results import Found, Result, base_of, find, names_of, unique_tasks
from lvlm_eval.schema import Sample
from lvlm_eval.store import RunStore, find_run, find_runs


@dataclass(frozen=True, slots=True)
class ReportArguments:
    """What the command line asks for; `runs` empty means all under `results`.

    data: a data root, or "demo": gives the page the questions and their pictures.
    samples, thumbnails: at most so many questions of a task, and pictures, on the page.
    """

    runs: tuple[str, ...]
    results: Path
    formats: str
    metric: str
    allowed: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    data: str | None = None
    cache: Path = Path()
    samples: int = SAMPLES
    thumbnails: int = MAX_PICTURES

    def __post_init__(self) -> None:
        if self.samples < 1 or self.thumbnails < 0:
            raise UsageError("--samples must be at least 1, --thumbnails at least 0")


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
    browsing = _browsing(found, arguments) if "html" in formats else None
    made = make_report(found, options, browsing)
    files = write_report(arguments.results, made, formats)
    if as_json:
        typer.echo(json.dumps(json.loads(WRITERS["json"](made)), indent=2))
    else:
        _print(made, files)
    _complain(found)


def _browsing(found: Found, arguments: ReportArguments) -> Browsing:
    """Questions and pictures of the reported tasks, if --data is given.

    Tasks whose data are not there are named on the page; other data than a run's are refused.
    """
    if arguments.data is None:
        return Browsing(samples=arguments.samples)
    demo = arguments.data == DEMO
    if not demo and not Path(arguments.data).is_dir():
        raise MissingData(f"--data {arguments.data} is no folder; give a data root, or `demo`")
    samples: dict[str, Sequence[Sample]] = {}
    missing: list[str] = []
    for result in unique_tasks(found.results, DEMO if demo else ""):
        try:
            samples[result.label] = _questions(result, arguments, demo=demo)
        except MissingData:
            missing.append(result.label)
    pictures = picture_samples(samples, Limits(pictures=arguments.thumbnails))
    absent = f"no questions of {', '.join(missing)}: not under --data" if missing else ""
    note = "; ".join(filter(None, [pictures.note, absent]))
    return replace(pictures, samples=arguments.samples, note=note)


def _questions(result: Result, arguments: ReportArguments, *, demo: bool) -> Sequence[Sample]:
    """The task's questions, which must be those that the run was asked."""
    task = load_task(base_of(result.label), arguments.plugins)
    root = None if demo else Path(str(arguments.data))
    questions = questions_of(task, root, demo, arguments.cache)
    if questions.data_digest != result.store.task_run().data_digest:
        raise UsageError(
            f"{result.store.folder} holds answers to other questions than those under --data "
            f"{arguments.data}; give the data that were asked, or leave --data out"
        )
    return questions.samples


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
