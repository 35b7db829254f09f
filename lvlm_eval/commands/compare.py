"""`lvlm-eval compare` and `lvlm-eval check`: two runs paired, and the regression gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from lvlm_eval import comparison
from lvlm_eval.commands.output import show, show_json
from lvlm_eval.comparison import Finishes
from lvlm_eval.durable import write_lines, write_text
from lvlm_eval.plugins import finish_of
from lvlm_eval.regression import Policy, check
from lvlm_eval.store import find_run
from lvlm_eval.verdicts import (
    comparison_table,
    flip_lines,
    gate_json,
    gate_junit,
    gate_markdown,
    gate_table,
)


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the gate's verdicts go besides the screen."""

    junit: Path | None = None
    markdown: Path | None = None


def compare(
    runs: tuple[str, str],
    results: Path,
    allowed: Sequence[str],
    flips: Path | None,
    plugins: Sequence[Path],
    *,
    as_json: bool,
) -> None:
    """Print each task's difference and write the questions that were marked differently."""
    first, second = (find_run(run, results) for run in runs)
    compared = comparison.compare(first, second, _finishes(plugins), allowed)
    file = flips or results / "flips" / f"{first.run_id}-{second.run_id}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_lines(file, flip_lines(compared.tasks))
    if as_json:
        show_json(
            {
                "first": compared.first,
                "second": compared.second,
                "tasks": {one.label: one.figures() for one in compared.tasks},
                "only_one_run_has": compared.others,
                "flips": str(file),
            }
        )
        return
    table = comparison_table(compared.first, compared.second, compared.tasks)
    others = ", ".join(compared.others)
    notes = [f"only one of the runs has {others}"] if others else []
    show(replace(table, notes=(*table.notes, *notes)))
    typer.echo(f"flips: {file}")


def run_check(
    candidate: str,
    baseline: str,
    results: Path,
    policy: Policy,
    outputs: Outputs,
    plugins: Sequence[Path],
    *,
    as_json: bool,
) -> None:
    """Print the verdicts, write them where wanted; exit code 1 if the gate is closed."""
    runs = (find_run(candidate, results), find_run(baseline, results))
    gate = check(*runs, _finishes(plugins), policy)
    for file, text in ((outputs.junit, gate_junit), (outputs.markdown, gate_markdown)):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, text(gate))
    if as_json:
        show_json(gate_json(gate))
    else:
        show(gate_table(gate))
    if not gate.passed:
        raise typer.Exit(1)


def _finishes(plugins: Sequence[Path]) -> Finishes:
    return lambda task_run: finish_of(task_run, plugins)
