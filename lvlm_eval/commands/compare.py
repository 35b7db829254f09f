"""`lvlm-eval compare` and `lvlm-eval check`: two runs paired, and the regression gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from lvlm_eval.commands.output import show, show_json
from lvlm_eval.comparison import Finishes, compare_runs
from lvlm_eval.durable import write_lines, write_text
from lvlm_eval.errors import NotComparable
from lvlm_eval.plugins import finish_of
from lvlm_eval.regression import Policy, check, name_of
from lvlm_eval.store import find_run
from lvlm_eval.verdicts import (
    comparison_json,
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
    labels = [task.label for task in first.tasks()]
    common = [label for label in labels if label in {task.label for task in second.tasks()}]
    names = (name_of(first), name_of(second))
    if not common:
        raise NotComparable(f"{names[0]} and {names[1]} have no task in common")
    compared = compare_runs(first, second, common, _finishes(plugins), allowed=allowed)
    file = flips or results / "flips" / f"{first.run_id}-{second.run_id}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_lines(file, flip_lines(compared))
    others = sorted({t.label for s in (first, second) for t in s.tasks()} - set(common))
    if as_json:
        show_json(
            {
                "first": names[0],
                "second": names[1],
                "tasks": {one.label: comparison_json(one) for one in compared},
                "only_one_run_has": others,
                "flips": str(file),
            }
        )
        return
    table = comparison_table(*names, compared)
    notes = [f"only one of the runs has {', '.join(others)}"] if others else []
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
