"""Figures of a run sent to TensorBoard or Weights & Biases, each imported only when asked for."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from lvlm_eval.errors import UsageError
from lvlm_eval.schema import Summary
from lvlm_eval.store import RunStore

Tracker: TypeAlias = Callable[[RunStore], None]


def open_tracker(target: str) -> Tracker:
    """What sends a finished run to `tensorboard:DIR` or `wandb:PROJECT`.

    Raises UsageError for anything else, and where the package is not installed.
    """
    kind, _, place = target.partition(":")
    if kind not in _OPEN or not place:
        raise UsageError(f"--log {target}: give tensorboard:DIR or wandb:PROJECT")
    return _OPEN[kind](place)


def figures(store: RunStore) -> dict[str, float]:
    """`<task>/<metric>` in the paper's unit: each task's headline with the ends of its interval,
    the metrics that its tables show, and the share of failed answers."""
    found: dict[str, float] = {}
    for task in store.tasks():
        summary = task.summary()
        if summary is not None:
            found |= {f"{task.label}/{name}": value for name, value in _of_task(summary)}
    return found


def step_of(model: str) -> int:
    """The training step that a checkpoint's name ends in (`run-checkpoint-5000`), else 0."""
    match = re.search(r"(?:checkpoint|step|global_step)[-_]?(\d+)$", model)
    return int(match[1]) if match else 0


def _of_task(summary: Summary) -> Iterator[tuple[str, float]]:
    for name in dict.fromkeys([summary.headline, *summary.shown]):
        estimate = summary.metrics.get(name)
        if estimate is not None and estimate.value is not None:
            yield name, estimate.value * summary.scale
    headline = summary.metrics.get(summary.headline)
    if headline is not None and headline.low is not None and headline.high is not None:
        yield f"{summary.headline}/low", headline.low * summary.scale
        yield f"{summary.headline}/high", headline.high * summary.scale
    yield "failed", summary.failed / summary.asked if summary.asked else 0.0


def _tensorboard(folder: str) -> Tracker:
    summary = _module("tensorboard.summary", "tensorboard")

    def track(store: RunStore) -> None:
        place = Path(folder) / store.folder.parent.name / store.run_id
        writer = summary.Writer(summary.DirectoryOutput(str(place)))
        for name, value in figures(store).items():
            writer.add_scalar(name, value, step_of(store.run.model))
        writer.close()

    return track


def _wandb(project: str) -> Tracker:
    wandb = _module("wandb", "wandb")

    def track(store: RunStore) -> None:
        run = wandb.init(
            project=project,
            id=store.run_id,  # the same run sent again goes on where it was
            name=f"{store.run.model} ({store.run.mode})",
            resume="allow",
            config={"model": store.run.model, **store.run.settings},
        )
        run.log(figures(store), step=step_of(store.run.model))
        run.finish()

    return track


def _module(name: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--log {package}: the package is not there ({error.name}); pip install {package}"
        ) from None


_OPEN: Mapping[str, Callable[[str], Tracker]] = {"tensorboard": _tensorboard, "wandb": _wandb}
