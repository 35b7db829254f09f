"""The options of commands that several processes run together."""

from __future__ import annotations

from typing import Annotated

import typer

LocalRank = Annotated[int | None, typer.Option("--local-rank", hidden=True)]  # deepspeed's habit
Parallel = Annotated[str, typer.Option(help="dp=N,tp=N,ep=N: replicas, processes of each.")]
Nproc = Annotated[int | None, typer.Option(help="Replicas, started here: dp=N.")]
