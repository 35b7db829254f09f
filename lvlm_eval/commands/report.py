"""`lvlm-eval report`: the leaderboard and what stands behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from lvlm_eval.commands.output import show
from lvlm_eval.errors import UsageError
from lvlm_eval.leaderboard import as_json as leaderboard_json
from lvlm_eval.leaderboard import write_leaderboard
from lvlm_eval.report import details, differences, leaderboard
from lvlm_eval.store import find_run, find_runs


def report(runs: Sequence[str], results: Path, formats: str, metric: str, *, as_json: bool) -> None:
    """Print the tables and write them to `leaderboard.*` under the results folder."""
    stores = [find_run(run, results) for run in runs] or find_runs(results)
    if not stores:
        raise UsageError(f"no runs under {results}; `lvlm-eval run` makes some")
    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    files = write_leaderboard(results, stores, metric=metric, formats=wanted)
    if as_json:
        typer.echo(json.dumps(json.loads(leaderboard_json(stores, metric)), indent=2))
        return
    for table in [*leaderboard(stores, metric), *details(stores), *differences(stores)]:
        show(table)
    typer.echo("written: " + ", ".join(str(file) for file in files))
