"""The library's front door: what the commands do, as functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lvlm_eval import evaluation, report
from lvlm_eval.model_spec import parse_model
from lvlm_eval.plugins import select_tasks
from lvlm_eval.schema import JSON, Mode, Table
from lvlm_eval.store import RunStore, find_run, find_runs

CACHE = Path.home() / ".cache" / "lvlm_eval"


def evaluate(
    models: str | Sequence[str],
    tasks: str,
    data: str | Path,
    results: str | Path = "results",
    *,
    mode: Mode = "normal",
    limit: int | None = None,
    overrides: Mapping[str, JSON] | None = None,
    progress: evaluation.Progress = lambda what, done, total: None,
) -> list[RunStore]:
    """The runs of the models on the tasks, asked, marked and on disk under `results`.

    Arguments mean what they mean to `lvlm-eval run`: `data` is a data root or "demo",
    `overrides` replaces fields of the tasks' decoding. What is on disk is not asked again.
    """
    names = [models] if isinstance(models, str) else models
    plan = evaluation.Plan(
        candidates=tuple(evaluation.Candidate(parse_model(name), mode) for name in names),
        tasks=tuple(select_tasks(tasks)),
        data=None if data == evaluation.DEMO else Path(data),
        demo=data == evaluation.DEMO,
        results=Path(results),
        cache=CACHE,
        limit=limit,
        overrides=overrides or {},
    )
    return evaluation.evaluate(plan, progress)


def load_run(run: str | Path, results: str | Path = "results") -> RunStore:
    """The run meant by a folder, `model@latest`, or the start of a run id."""
    return find_run(str(run), Path(results))


def leaderboard(results: str | Path = "results") -> list[Table]:
    """The tables of all runs under a results folder; `lvlm_eval.tables.render` prints one."""
    return report.leaderboard(find_runs(Path(results)))
