"""The library's front door: what the commands do, as functions.

Each imports what it needs when called, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lvlm_eval.errors import TooFewAnswers
from lvlm_eval.schema import JSON, Decoding, Image, Mode, Model, Prompt, Request, Table

if TYPE_CHECKING:
    from lvlm_eval.comparison import Comparison
    from lvlm_eval.regression import Gate
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


def open_model(model: str, **options: str | float | bool) -> Model:
    """The model meant by MODEL as on the command line, opened; its weights are read when asked.

    `options` are the adapter's (dtype, device ...). Raises UsageError, CheckpointError.
    """
    from lvlm_eval.model_spec import load_model, parse_model

    spec = parse_model(model)
    given = {key: str(value) for key, value in options.items()}
    return load_model(replace(spec, options={**spec.options, **given}), {})


def ask(
    model: str | Model,
    question: str,
    images: Sequence[str | Path | Image] = (),
    *,
    system: str = "",
    decoding: Decoding = Decoding(max_new_tokens=512),  # noqa: B008  # frozen
) -> str:
    """The answer to one question; greedy unless `decoding` says otherwise.

    model: a MODEL as on the command line, or an opened one, which is loaded once for many
    questions. images: files or pictures, shown in this order before the question. system: "" is
    the model's own. Raises ImageError for a picture that cannot be read, TooFewAnswers where the
    model failed, UsageError and CheckpointError for the model.
    """
    from lvlm_eval.images import open_rgb

    pictures = [one if isinstance(one, Image) else Image(Path(one)) for one in images]
    for picture in pictures:
        open_rgb(picture)
    opened = open_model(model) if isinstance(model, str) else model
    prompt = replace(Prompt.user(*pictures, question), system=system)
    (response,) = opened.generate([Request("ask", prompt)], decoding)
    if response.finish == "error":
        raise TooFewAnswers(f"{question!r} has no answer: {response.error}")
    return response.text


def load_run(run: str | Path, results: str | Path = "results") -> RunStore:
    """The run meant by a folder, a bundle, `model@latest`, or the start of a run id."""
    from lvlm_eval.store import find_run

    return find_run(str(run), Path(results))


def compare(
    first: RunStore | str | Path,
    second: RunStore | str | Path,
    *,
    allow: Collection[str] = (),
    results: str | Path = "results",
    plugins: Sequence[Path] = (),
) -> Comparison:
    """Each task of two runs, paired question by question; differences are second minus first.

    Runs are opened ones or what `load_run` takes. `allow` names fields in which they may differ,
    `plugins` are files of tasks of one's own. Raises NotComparable, Incomplete, UsageError.
    """
    from lvlm_eval import comparison
    from lvlm_eval.plugins import finish_of

    runs = _opened(first, results), _opened(second, results)
    return comparison.compare(*runs, lambda task_run: finish_of(task_run, plugins), allow)


def check(
    candidate: RunStore | str | Path,
    baseline: RunStore | str | Path,
    *,
    alpha: float = 0.05,
    strict: bool = False,
    margins: Mapping[str, str] | None = None,
    tasks: Sequence[str] = (),
    allow: Sequence[str] = (),
    max_failures: float = 0.005,
    results: str | Path = "results",
    plugins: Sequence[Path] = (),
) -> Gate:
    """Whether the candidate is worse than the baseline: a verdict a task, and `passed`.

    As `lvlm-eval check`, with runs as in `compare`. margins: the largest loss accepted, by task
    or "default", in the paper's unit ("0.5") or of the headline's scale ("1%"). tasks: all of
    the baseline's without. Raises what `compare` does, and TooFewAnswers.
    """
    from lvlm_eval import regression
    from lvlm_eval.plugins import finish_of

    policy = regression.Policy(
        alpha, strict, margins or {}, tuple(tasks), tuple(allow), max_failures
    )
    runs = _opened(candidate, results), _opened(baseline, results)
    return regression.check(*runs, lambda task_run: finish_of(task_run, plugins), policy)


def _opened(run: RunStore | str | Path, results: str | Path) -> RunStore:
    return load_run(run, results) if isinstance(run, str | Path) else run


def leaderboard(results: str | Path = "results") -> list[Table]:
    """The tables of all runs under a results folder; `lvlm_eval.tables.render` prints one."""
    from lvlm_eval.plugins import finish_of
    from lvlm_eval.reporting.board import Options, leaderboards
    from lvlm_eval.reporting.results import find
    from lvlm_eval.store import find_runs

    options = Options(finishes=lambda task_run: finish_of(task_run, ()))
    return leaderboards(find(find_runs(Path(results))), options)
