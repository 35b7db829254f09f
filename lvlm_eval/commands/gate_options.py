"""The options of `lvlm-eval compare`, `check` and `export`, and what `run` shares of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lvlm_eval.commands.options import AsJson, Plugins, Results

Allow = Annotated[list[str] | None, typer.Option(help="FIELD in which the runs may differ.")]
Margin = Annotated[str | None, typer.Option(help="0.5, 1% or a YAML of task: margin.")]
UntilDecided = Annotated[
    str | None, typer.Option(help="RUN: stop a task when it is known whether it got worse.")
]
Log = Annotated[list[str] | None, typer.Option("--log", help="tensorboard:DIR or wandb:PROJECT.")]


def compare(
    first: Annotated[str, typer.Argument(help="RUN")],
    second: Annotated[str, typer.Argument(help="RUN; differences are second minus first.")],
    allow: Allow = None,
    flips: Annotated[Path | None, typer.Option(help="File of answers marked otherwise.")] = None,
    results: Results = Path("results"),
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Two runs, paired question by question: differences, intervals, tests, flips."""
    from lvlm_eval.commands import compare as command

    files = tuple(plugin or ())
    command.compare((first, second), results, allow or (), flips, files, as_json=as_json)


def check(
    candidate: Annotated[str, typer.Argument(help="RUN")],
    baseline: Annotated[str, typer.Option(help="RUN that the candidate may not fall behind.")],
    tasks: Annotated[str, typer.Option(help="Of the baseline's, commas between; all.")] = "",
    alpha: Annotated[float, typer.Option(help="Chance that equals fail, over all tasks.")] = 0.05,
    margin: Margin = None,
    strict: Annotated[bool, typer.Option(help="What is undecided fails as well.")] = False,
    allow: Allow = None,
    max_failures: Annotated[float, typer.Option(help="Share of questions.")] = 0.005,
    junit: Annotated[Path | None, typer.Option(help="JUnit XML for a CI.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Markdown for a pull request.")] = None,
    results: Results = Path("results"),
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Regression gate: exit code 1 if the candidate is worse than the baseline on a task."""
    from lvlm_eval.commands import compare as command
    from lvlm_eval.commands.arguments import margins_of
    from lvlm_eval.regression import Policy

    policy = Policy(
        alpha=alpha,
        strict=strict,
        margins=margins_of(margin),
        tasks=tuple(name.strip() for name in tasks.split(",") if name.strip()),
        allowed=tuple(allow or ()),
        max_failures=max_failures,
    )
    outputs = command.Outputs(junit, markdown)
    files = tuple(plugin or ())
    command.run_check(candidate, baseline, results, policy, outputs, files, as_json=as_json)


def export(
    run: Annotated[str, typer.Argument(help="RUN")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The bundle's file.")],
    no_text: Annotated[bool, typer.Option("--no-text", help="No answers, no targets.")] = False,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """A run as one file, which every other command reads like the run's folder."""
    from lvlm_eval.commands import export as command

    command.export(run, results, output, text=not no_text, as_json=as_json)


COMMANDS = (compare, check, export)
