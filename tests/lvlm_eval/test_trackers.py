"""Figures sent elsewhere, to stand-ins of the packages."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from lvlm_eval.errors import UsageError
from lvlm_eval.trackers import figures, open_tracker, step_of

from .pairs_of_runs import marked_run

EXPECTED = {"tiny/accuracy": 50.0, "tiny/accuracy/low": 40.0, "tiny/accuracy/high": 60.0,
            "tiny/failed": 0.25}  # fmt: skip


def test_figures_are_the_headline_its_interval_and_failures(tmp_path: Path) -> None:
    assert figures(marked_run(tmp_path, [1, 0, 1], asked=4, failed=1)) == EXPECTED


@pytest.mark.parametrize(
    ("name", "step"),
    [("llava-checkpoint-5000", 5000), ("x/global_step70", 70), ("llava-7b", 0), ("v2", 0)],
)
def test_the_step_is_read_from_a_checkpoints_name(name: str, step: int) -> None:
    assert step_of(name) == step


@pytest.mark.parametrize("target", ["tensorboard", "wandb:", "mlflow:x", ":"])
def test_an_unknown_target_is_refused(target: str) -> None:
    with pytest.raises(UsageError, match="give tensorboard:DIR or wandb:PROJECT"):
        open_tracker(target)


@pytest.mark.parametrize("target", ["tensorboard:logs", "wandb:project"])
def test_a_package_that_is_not_there_is_named(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorboard", "tensorboard.summary", "wandb"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf"pip install {target.partition(':')[0]}"):
        open_tracker(target)


def test_tensorboard_gets_every_figure_at_the_checkpoints_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[str, tuple[float, int]] = {}
    places: list[str] = []

    def add_scalar(name: str, value: float, step: int) -> None:
        written[name] = (value, step)

    writer = SimpleNamespace(add_scalar=add_scalar, close=lambda: None)
    module = ModuleType("tensorboard.summary")
    module.__dict__.update(Writer=lambda output: writer, DirectoryOutput=places.append)
    monkeypatch.setitem(sys.modules, "tensorboard", ModuleType("tensorboard"))
    monkeypatch.setitem(sys.modules, "tensorboard.summary", module)
    store = marked_run(tmp_path, [1, 0, 1], model="m-checkpoint-7", asked=4, failed=1)
    open_tracker("tensorboard:logs")(store)
    assert written == {name: (value, 7) for name, value in EXPECTED.items()}
    assert places == [f"logs/m-checkpoint-7/{store.run_id}"]


def test_wandb_gets_every_figure_under_the_runs_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: dict[str, object] = {}
    logged: list[tuple[dict[str, float], int]] = []
    run = SimpleNamespace(
        log=lambda values, step: logged.append((values, step)), finish=lambda: None
    )

    def init(**options: object) -> SimpleNamespace:
        begun.update(options)
        return run

    monkeypatch.setitem(sys.modules, "wandb", ModuleType("wandb"))
    sys.modules["wandb"].__dict__["init"] = init
    store = marked_run(tmp_path, [1, 0, 1], asked=4, failed=1)
    open_tracker("wandb:project")(store)
    assert logged == [(EXPECTED, 0)]
    assert (begun["project"], begun["id"]) == ("project", store.run_id)
