"""The options of `submit` and `record`: what goes to a benchmark's server, and what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lvlm_eval.commands.options import AsJson, Data, Plugins, Results, cache_folder

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A folder or start of a run id.")]
TaskName = Annotated[str, typer.Argument(metavar="TASK", help="As the run calls it.")]


def submit(
    run: RunName,
    task: TaskName,
    output: Annotated[Path, typer.Option("--output", "-o", help="FILE to be made.")],
    data: Data = None,
    results: Results = Path("results"),
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Write the file that a benchmark's server wants for a run's answers."""
    from lvlm_eval.commands import submit as command

    source = command.Source(run, task, data, results, cache_folder())
    command.submit(source, output, tuple(plugin or ()), as_json=as_json)


def record(
    run: RunName,
    task: TaskName,
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="As the task calls it.")],
    value: Annotated[float, typer.Argument(metavar="VALUE", help="As the server prints it.")],
    source: Annotated[str, typer.Option(help="URL of the page that shows the figure.")],
    results: Results = Path("results"),
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Enter the figure that a benchmark's server gave for a run's answers."""
    from lvlm_eval.commands import server as command

    figure = command.Entry(metric, value, source)
    command.record(run, task, figure, results, tuple(plugin or ()), as_json=as_json)
