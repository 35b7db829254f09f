"""The library's front door: what the commands do, as functions.

Each imports what it needs when called, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lvlm_eval.schema import JSON, Mode, Table

if TYPE_CHECKING:
    from lvlm_eval.store import RunStore

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
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[RunStore]:
    """The runs of the models on the tasks, asked, marked and on disk under `results`.

    Arguments mean what they mean to `lvlm-eval run`: `data` is a data root or "demo",
    `overrides` replaces fields of the tasks' decoding. What is on disk is not asked again.
    """
    from lvlm_eval import evaluation
    from lvlm_eval.model_spec import parse_model
    from lvlm_eval.plugins import select_tasks

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
    from lvlm_eval.store import find_run

    return find_run(str(run), Path(results))


def leaderboard(results: str | Path = "results") -> list[Table]:
    """The tables of all runs under a results folder; `lvlm_eval.tables.render` prints one."""
    from lvlm_eval import report
    from lvlm_eval.store import find_runs

    return report.leaderboard(find_runs(Path(results)))
