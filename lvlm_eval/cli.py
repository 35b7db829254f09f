"""The command line: arguments, environment, progress, printing, exit codes.

Each command imports what it needs when it runs, so that help answers at once.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lvlm_eval.commands import checkpoint_options, gate_options
from lvlm_eval.commands.doctor_options import doctor
from lvlm_eval.commands.gate_options import Log, Margin, UntilDecided
from lvlm_eval.commands.launch_options import LocalRank, Nproc, Parallel
from lvlm_eval.commands.options import AsJson, Data, Judge, Plugins, Results, Tasks, cache_folder
from lvlm_eval.commands.server_options import record, submit
from lvlm_eval.errors import EvalError, UsageError

app = typer.Typer(
    name="lvlm-eval",
    help="Evaluate large vision-language models: official scores, nothing lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(doctor, name="doctor", rich_help_panel=None)
for command in (*gate_options.COMMANDS, *checkpoint_options.COMMANDS):
    app.command()(command)
app.command()(record)
app.command()(submit)


@app.callback()
def _launched(context: typer.Context, local_rank: LocalRank = None) -> None:
    """Evaluate large vision-language models: official scores, nothing lost."""
    # the deepspeed launcher puts --local_rank=N before the command
    if local_rank is not None and context.invoked_subcommand not in ("chat", "run"):
        raise UsageError(f"--local-rank {local_rank}: under a launcher only `run` and `chat` work")


@app.command()
def run(
    context: typer.Context,
    models: Annotated[list[str] | None, typer.Argument(help="MODEL...", show_default=False)] = None,
    tasks: Tasks = "",
    data: Data = None,
    results: Results = Path("results"),
    config: Annotated[Path | None, typer.Option(help="YAML with models, tasks, options.")] = None,
    name: Annotated[str | None, typer.Option(help="The model's name in tables.")] = None,
    mode: Annotated[str, typer.Option(help="normal, blind or mismatched.")] = "normal",
    limit: Annotated[int | None, typer.Option(help="About N questions a task.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(help="Replaces the tasks' own.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 is greedy.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of sampling, above temperature 0.")] = None,
    dtype: Annotated[str | None, typer.Option(help="Number type of the weights.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 ...")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Sequences computed at a time.")] = None,
    batch_tokens: Annotated[int | None, typer.Option(help="Positions cached at a time.")] = None,
    model_args: Annotated[str | None, typer.Option(help="key=value,... for every MODEL.")] = None,
    max_failures: Annotated[float, typer.Option(help="Share of questions.")] = 0.005,
    max_unparsed: Annotated[float | None, typer.Option(help="Share of answers.")] = None,
    retry_failed: Annotated[bool, typer.Option(help="Also after three attempts.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Check everything, ask nothing.")] = False,
    parallel: Parallel = "",
    nproc: Nproc = None,
    local_rank: LocalRank = None,
    log_samples: Annotated[bool, typer.Option(hidden=True)] = True,
    until_decided: UntilDecided = None,
    margin: Margin = None,
    log: Log = None,
    judge: Judge = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Ask, mark and summarise; the same command goes on where it stopped."""
    from lvlm_eval.commands import run as command
    from lvlm_eval.commands.arguments import RunArguments
    from lvlm_eval.commands.launched import Launch

    sizes = {"batch": batch_size, "batch_tokens": batch_tokens}
    options = {"dtype": dtype, "device": device, **sizes}
    overrides = {"max_new_tokens": max_new_tokens, "temperature": temperature, "seed": seed}
    arguments = RunArguments(
        models=tuple(models or ()),
        tasks=tasks,
        data=data,
        results=results,
        cache=cache_folder(),
        config=config,
        name=name,
        mode=mode,
        limit=limit,
        options={key: str(value) for key, value in options.items() if value is not None},
        overrides={key: value for key, value in overrides.items() if value is not None},
        model_args=model_args or "",
        max_failures=max_failures,
        max_unparsed=max_unparsed,
        retry_failed=retry_failed,
        plugins=tuple(plugin or ()),
        until_decided=until_decided,
        margin=margin,
        log=tuple(log or ()),
        judge=judge,
    )
    launch = Launch(context.obj, os.environ, parallel, nproc)
    command.run(arguments, launch, dry_run=dry_run, as_json=as_json)


@app.command()
def score(
    run: Annotated[str | None, typer.Argument(help="RUN: a folder or start of a run id.")] = None,
    task: Annotated[str | None, typer.Option(help="The task of --predictions.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="JSONL: question_id, text.")] = None,
    data: Data = None,
    results: Results = Path("results"),
    name: Annotated[str | None, typer.Option(help="The model's name in tables.")] = None,
    max_failures: Annotated[float, typer.Option(help="Share of questions.")] = 0.005,
    judge: Judge = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Mark again from stored answers, or mark answers made elsewhere. Opens no image."""
    from lvlm_eval.commands import score as command

    files = tuple(plugin or ())
    if run is not None and predictions is None:
        given = command.Given(data, cache_folder(), files, judge)
        command.score_run(run, results, given, as_json=as_json)
    elif task is not None and predictions is not None and run is None:
        source = command.Source(task, predictions, name, max_failures)
        given = command.Given(data, cache_folder(), files, judge)
        command.score_predictions(source, results, given, as_json=as_json)
    else:
        raise UsageError("give either RUN, or --task T --data DIR --predictions FILE")


@app.command()
def report(
    runs: Annotated[list[str] | None, typer.Argument(help="RUN...; all without.")] = None,
    results: Results = Path("results"),
    formats: Annotated[str, typer.Option("--format", help="Also hf.")] = "md,csv,tex,html,json",
    metric: Annotated[str, typer.Option(help="headline or lenient.")] = "headline",
    allow: Annotated[list[str] | None, typer.Option(help="`limit`: different subsets.")] = None,
    data: Annotated[str | None, typer.Option(help="Data root: questions, pictures.")] = None,
    samples: Annotated[int, typer.Option(help="Questions a task on the page.")] = 20_000,
    thumbnails: Annotated[int, typer.Option(help="Pictures on the page.")] = 1000,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Leaderboard and comparison tables, printed and written to the results folder."""
    from lvlm_eval.commands import report as command

    arguments = command.ReportArguments(
        tuple(runs or ()),
        results,
        formats,
        metric,
        tuple(allow or ()),
        tuple(plugin or ()),
        data,
        cache_folder(),
        samples,
        thumbnails,
    )
    command.report(arguments, as_json=as_json)


@app.command()
def certify(
    folder: Annotated[Path, typer.Argument(help="A folder of vectors, or a parent of some.")],
    task: Annotated[str | None, typer.Option(help="Only these tasks, commas between.")] = None,
    strict: Annotated[bool, typer.Option(help="Every recorded variant must agree.")] = False,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Compare our scorers with recorded figures of the official ones, leaf by leaf."""
    from lvlm_eval.commands import certify as command

    command.certify(folder, task, tuple(plugin or ()), strict=strict, as_json=as_json)


@app.command()
def explain(
    task: Annotated[str, typer.Argument()],
    sample: Annotated[int, typer.Option(help="Which sample, from 1.")] = 1,
    data: Data = None,
    plugin: Plugins = None,
) -> None:
    """One sample with its exact prompt and target, and how answers are read and marked."""
    from lvlm_eval.commands import explain as command

    command.explain(task, sample, data, cache_folder(), tuple(plugin or ()))


@app.command()
def chat(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="MODEL")],
    image: Annotated[list[Path] | None, typer.Option(help="Shown with the first question.")] = None,
    system: Annotated[str, typer.Option(help="Replaces the model's own system prompt.")] = "",
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.2,
    top_p: Annotated[float, typer.Option(help="Share of the likeliest tokens drawn from.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same conversation.")] = 0,
    max_new_tokens: Annotated[int, typer.Option(help="An answer is cut there.")] = 512,
    dtype: Annotated[str | None, typer.Option(help="Number type of the weights.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 ...")] = None,
    parallel: Parallel = "",
    plugin: Plugins = None,
    local_rank: LocalRank = None,
    as_json: AsJson = False,
) -> None:
    """Talk with a model about pictures; answers appear as they are made."""
    from lvlm_eval.commands import chat as command
    from lvlm_eval.commands.launched import Launch

    options = {"dtype": dtype, "device": device}
    arguments = command.ChatArguments(
        model=model,
        images=tuple(image or ()),
        system=system,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        options={key: value for key, value in options.items() if value is not None},
        plugins=tuple(plugin or ()),
    )
    command.chat(arguments, Launch(context.obj, os.environ, parallel), as_json=as_json)


@app.command("ls")
def list_(
    what: Annotated[str, typer.Argument(help="models, tasks, suites or data.")],
    data: Data = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """What there is: models, tasks, suites, or the data under a root."""
    from lvlm_eval.commands import ls as command

    command.ls(what, data, cache_folder(), tuple(plugin or ()), as_json=as_json)


def _dashes(arguments: Sequence[str]) -> list[str]:
    """Long options with dashes: other harnesses write underscores."""
    return [re.sub(r"^--[^=]*", lambda name: name[0].replace("_", "-"), a) for a in arguments]


def main(arguments: Sequence[str] | None = None) -> None:
    """The program: one line and an exit code for the user's mistakes, a traceback for ours."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("lvlm_eval").setLevel(logging.INFO)
    # Pillow warns where images.py refuses, in one line
    warnings.filterwarnings("ignore", r"Image size .* exceeds limit")
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        app(args=_dashes(given), prog_name="lvlm-eval", obj=tuple(given))
    except EvalError as error:
        line = " ".join(str(error).split("\n"))
        if "--json" in given:
            sys.stdout.write(json.dumps({"error": type(error).__name__, "message": line}) + "\n")
        sys.stderr.write(f"{type(error).__name__}: {line}\n")
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == 130:  # what typer makes of Ctrl-C
            sys.stderr.write("stopped; what is done is kept, the same command goes on\n")
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception:  # the last line of defence: our bug, said as such
        logging.getLogger(__name__).exception("internal error: please report this")
        sys.exit(70)
