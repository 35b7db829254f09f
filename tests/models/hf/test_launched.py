"""Tiny models of transformers under launchers: every placement gives the result of one process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lvlm_eval.cli import main

from ...lvlm_eval.commands.test_launched import free_port
from ...lvlm_eval.commands.test_launchers import result_in, run
from .conftest import Folders

BIN = Path(sys.executable).parent
ALONE = (sys.executable, "-m", "lvlm_eval")
TORCHRUN = (str(BIN / "torchrun"), "--standalone", "--nproc-per-node", "2", "-m", "lvlm_eval")


def asked(folder: Path, *options: str, limit: int = 6) -> list[str]:
    tasks = ["--tasks", "mme", "--data", "demo", "--limit", str(limit), "--max-new-tokens", "4"]
    return ["run", f"hf:{folder}", *tasks, "--device", "cpu", *options]


def alone(folder: Path, results: Path, limit: int = 6) -> dict[str, object]:
    """What one process comes to."""
    with pytest.raises(SystemExit) as end:
        main([*asked(folder, limit=limit), "--results", str(results)])
    assert end.value.code == 0
    return result_in(results)


@pytest.fixture
def whole(
    checkpoint: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, object]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return alone(checkpoint("llava"), tmp_path / "whole")


def test_two_processes_go_on_with_a_run_of_one_to_its_scores(
    checkpoint: Folders, tmp_path: Path, whole: dict[str, object]
) -> None:
    begun = alone(checkpoint("llava"), tmp_path / "two", limit=2)
    command = [*ALONE, *asked(checkpoint("llava"), "--parallel", "tp=2")]
    found = run(tmp_path / "two", [command])
    assert begun.keys() == found.keys()  # scores, summary and answers, in the same folder
    assert len(found) == 3
    assert found == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "options"), [(ALONE, ["--nproc", "2"]), (TORCHRUN, [])], ids=["nproc", "torchrun"]
)
def test_under_launchers(
    program: Sequence[str],
    options: Sequence[str],
    checkpoint: Folders,
    tmp_path: Path,
    whole: dict[str, object],
) -> None:
    command = [*program, *asked(checkpoint("llava"), "--parallel", "tp=2", *options)]
    assert run(tmp_path / "launched", [command]) == whole


@pytest.mark.slow
def test_under_deepspeed(checkpoint: Folders, tmp_path: Path, whole: dict[str, object]) -> None:
    pytest.importorskip("deepspeed")
    port = ("--master_port", str(free_port()))
    launcher = [str(BIN / "deepspeed"), "--num_accelerators", "2", *port, "--module", "lvlm_eval"]
    command = [*launcher, *asked(checkpoint("llava"), "--parallel", "tp=2")]
    assert run(tmp_path / "launched", [command]) == whole
