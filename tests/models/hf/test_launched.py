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


def asked(folder: Path, *options: str) -> list[str]:
    tasks = ["--tasks", "mme", "--data", "demo", "--limit", "6", "--max-new-tokens", "4"]
    return ["run", f"hf:{folder}", *tasks, "--device", "cpu", *options]


@pytest.fixture
def whole(
    checkpoint: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, object]:
    """What one process comes to."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(SystemExit) as end:
        main([*asked(checkpoint("llava")), "--results", str(tmp_path / "whole")])
    assert end.value.code == 0
    return result_in(tmp_path / "whole")


def test_two_processes_come_to_the_scores_of_one(
    checkpoint: Folders, tmp_path: Path, whole: dict[str, object]
) -> None:
    command = [*ALONE, *asked(checkpoint("llava"), "--parallel", "tp=2")]
    found = run(tmp_path / "two", [command])
    assert len(found) == 3  # scores, summary, answers
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
