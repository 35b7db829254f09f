"""The bundled model under real launchers: every placement gives the result of one process."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from .test_launched import environment, free_port

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
ASKED = ("run", "demo", "--tasks", "pope,mme", "--data", "demo", "--limit", "60")
Results = Callable[[str], dict[str, object]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("launchers")


@pytest.fixture(scope="module")
def whole(folder: Path) -> dict[str, object]:
    """What one process comes to."""
    program = [sys.executable, "-m", "lvlm_eval", *ASKED]
    return run(folder / "whole", [program])


def run(results: Path, commands: Sequence[Sequence[str]]) -> dict[str, object]:
    """Starts all commands at once; by file what must not depend on how a run came about."""
    variables = environment(XDG_CACHE_HOME=str(results.parent / "cache"), GLOO_SOCKET_IFNAME="lo")
    started = [
        subprocess.Popen(
            [*command, "--results", str(results)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=variables,
        )
        for command in commands
    ]
    try:
        for process in started:
            said, _ = process.communicate(timeout=200)
            assert process.returncode == 0, said
    finally:
        for process in started:
            process.kill()
    return result_in(results)


def result_in(results: Path) -> dict[str, object]:
    """By file what must not depend on how a run came about."""
    files = [*results.glob("*/*/*/scores.jsonl"), *results.glob("*/*/*/summary.json")]
    found: dict[str, object] = {str(f.relative_to(results)): f.read_bytes() for f in files}
    answers = [f.read_text().splitlines() for f in results.glob("*/*/*/responses*.jsonl")]
    return found | {"answers": {line for lines in answers for line in lines}}


def torchrun(*options: str) -> list[str]:
    return [str(BIN / "torchrun"), *options, "-m", "lvlm_eval", *ASKED]


@pytest.mark.parametrize(
    "placement", ["dp=2", "tp=2", "tp=2,ep=2", "dp=2,tp=2,ep=2"], ids=lambda text: text
)
def test_under_torchrun(placement: str, whole: dict[str, object], folder: Path) -> None:
    processes = "4" if placement.startswith("dp=2,tp=2") else "2"
    command = torchrun("--standalone", "--nproc-per-node", processes)
    found = run(folder / f"torchrun-{placement}", [[*command, "--parallel", placement]])
    assert len(found) == 5
    assert found == whole


@pytest.mark.parametrize("placement", ["dp=2", "tp=2", "tp=2,ep=2"], ids=lambda text: text)
def test_under_deepspeed(placement: str, whole: dict[str, object], folder: Path) -> None:
    pytest.importorskip("deepspeed")
    program = ["--module", "lvlm_eval", *ASKED, "--parallel", placement]
    launcher = [str(BIN / "deepspeed"), "--num_accelerators", "2"]
    launcher += ["--master_port", str(free_port())]
    assert run(folder / f"deepspeed-{placement}", [[*launcher, *program]]) == whole


def test_on_two_nodes(whole: dict[str, object], folder: Path) -> None:
    """Two agents on this machine, which meet as those of two machines do."""
    where = ("--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}")
    nodes = [
        torchrun(
            *("--nnodes", "2", "--node-rank", str(node), "--nproc-per-node", "1", *where),
            *("--rdzv-id", "two", "--local-addr", "127.0.0.1"),
        )
        for node in range(2)
    ]
    assert run(folder / "nodes", nodes) == whole
