"""Options that several commands share, and what the environment adds to them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

Tasks = Annotated[str, typer.Option("--tasks", help="Names, wildcards, suites; commas between.")]
Data = Annotated[
    str | None, typer.Option(envvar="LVLM_EVAL_DATA", help="Data root, or `demo` (bundled).")
]
Results = Annotated[Path, typer.Option("--results", "--output-path", help="Where runs are kept.")]
Judge = Annotated[
    str | None, typer.Option(help="Of judged tasks: replay:FILE[,name=NAME], recorded replies.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
Limit = Annotated[int | None, typer.Option(help="About N questions a task.")]
NewTokens = Annotated[int | None, typer.Option(help="Replaces the tasks' own.")]
Dtype = Annotated[str | None, typer.Option(help="Number type of the weights.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 ...")]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", help="A file (Python, YAML, a table of questions) or a folder of such."
    ),
]


def cache_folder() -> Path:
    """Where digests and the bundled data are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lvlm_eval"
