"""Commands in several processes, as launchers start them."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from lvlm_eval.evaluation import Plan, evaluate
from lvlm_eval.store import RunStore, find_run

from ..conftest import FILES
from ..test_evaluation import quiet, result

MakePlan = Callable[..., Plan]
ROOT = Path(__file__).parents[3]
PLUGINS = [option for file in FILES for option in ("--plugin", str(file))]
CHOIR = ROOT / "tests" / "data" / "plugins" / "choir.py"
SEVERAL = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS")


@pytest.fixture
def alone(make_plan: MakePlan, tmp_path: Path) -> RunStore:
    """The run of one process without interruption."""
    (store,) = evaluate(make_plan(results=tmp_path / "alone"), quiet)
    return store


def environment(**variables: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in SEVERAL}
    return {**own, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **variables}


def run_of(model: str, tiny: Path, *options: str) -> list[str]:
    return ["run", model, "--tasks", "tiny", "--data", str(tiny), *PLUGINS, *options]


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("localhost", 0))
        return int(opened.getsockname()[1])


def step(size: int, arguments: Sequence[str], before: str = "") -> list[subprocess.Popen[str]]:
    """The tasks of a SLURM step, as srun would start them. before: Python that the last runs
    first."""
    port = str(free_port())
    tasks = []
    for number in range(size):
        variables = {
            "SLURM_PROCID": str(number), "SLURM_STEP_NUM_TASKS": str(size),
            "SLURM_LOCALID": str(number), "SLURM_NODEID": "0", "SLURM_STEP_NODELIST": "localhost",
            "SLURM_JOB_ID": "1", "SLURM_STEP_ID": "0", "MASTER_PORT": port,
        }  # fmt: skip
        code = f"from lvlm_eval.cli import main\n{before if number == size - 1 else ''}\nmain()"
        tasks.append(
            subprocess.Popen(
                [sys.executable, "-c", code, *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(**variables),
            )
        )
    return tasks


def ends(tasks: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each."""
    try:
        texts = [task.communicate(timeout=100) for task in tasks]
    finally:
        for task in tasks:
            task.kill()
    return [(task.returncode, *text) for task, text in zip(tasks, texts, strict=True)]


def answers(results: Path) -> int:
    files = results.glob("*/*/tiny/responses*.jsonl")
    return sum(file.read_bytes().count(b"\n") for file in files)


def kill_worker(launcher: subprocess.Popen[str], rank: str, results: Path) -> None:
    """kill -9 for the launcher's process of that rank, once there are some answers."""
    end = time.monotonic() + 90
    while answers(results) < 6:
        assert launcher.poll() is None, launcher.communicate()
        assert time.monotonic() < end, "no answers"
        time.sleep(0.05)
    children = psutil.Process(launcher.pid).children(recursive=True)
    (victim,) = (child for child in children if child.environ().get("RANK") == rank)
    victim.send_signal(signal.SIGKILL)


def test_a_worker_killed_ends_the_run_and_others_go_on_to_the_same_result(
    alone: RunStore, tiny: Path, tmp_path: Path
) -> None:
    results = tmp_path / "killed"
    options = ("--results", str(results), "--nproc", "2")
    program = [sys.executable, "-m", "lvlm_eval"]
    launcher = subprocess.Popen(
        [*program, *run_of("parrot:polly,seconds=0.3", tiny, *options)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    kill_worker(launcher, "1", results)
    _, errors = launcher.communicate(timeout=60)
    assert launcher.returncode == 3
    (line,) = (line for line in errors.splitlines() if "Incomplete" in line)
    found = re.search(r"rank 1 was ended by SIGKILL: (\d+) questions of tiny to parrot:polly", line)
    assert found, line
    kept = answers(results)
    assert 0 < kept == 30 - int(found[1])
    assert not list(results.glob("*/*/tiny/scores.jsonl"))
    again = subprocess.run(
        [*program, *run_of("parrot:polly", tiny, *options)],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert answers(results) == 30
    assert result(find_run("parrot-polly@latest", results)) == result(alone)
    assert again.stdout.count("accuracy") == 1


def test_the_tasks_of_a_slurm_step_come_to_the_same_result(
    alone: RunStore, tiny: Path, tmp_path: Path
) -> None:
    results = tmp_path / "step"
    options = ("--results", str(results))
    first, second = ends(step(2, run_of("parrot:polly,seconds=0.02", tiny, *options)))
    assert (first[0], second) == (0, (0, "", "")), (first, second)
    assert "accuracy" in first[1]
    assert result(find_run("parrot-polly@latest", results)) == result(alone)
    files = {file.name for file in results.glob("*/*/tiny/responses*")}
    assert files == {"responses.0.jsonl", "responses.1.jsonl"}


OLD_TORCH = "import lvlm_eval.launcher as l; old = l.versions; "
OLD_TORCH += "l.versions = lambda: old() | {'torch': '1.0'}"


@pytest.mark.parametrize(
    ("option", "before", "words"),
    [
        ("dp=3", "", "UsageError: --parallel dp=3,tp=1 takes 3 processes, and srun started 2"),
        ("dp=2", OLD_TORCH, "UsageError: rank 1 on .* has torch 1.0, rank 0 on .* has torch 2"),
    ],
)
def test_processes_that_do_not_fit_together_all_end_with_one_line(
    option: str, before: str, words: str, tiny: Path, tmp_path: Path
) -> None:
    options = ("--results", str(tmp_path / "none"), "--parallel", option)
    first, second = ends(step(2, run_of("parrot:polly", tiny, *options), before))
    assert second == (2, "", "")
    assert first[:2] == (2, ""), first
    assert re.fullmatch(words + r".*\n", first[2]), first[2]
    assert not (tmp_path / "none").exists()
