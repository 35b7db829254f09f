"""Starts a few processes once and has them do several jobs: a start takes seconds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import lvlm_eval
from lvlm_eval.schema import JSON

WORKER = Path(__file__).with_name("worker.py")
# A job's name, its placement (dp, tp, ep) and its argument.
Job = tuple[str, int, int, int, JSON]


def launch(jobs: Sequence[Job], folder: Path, seconds: float) -> list[JSON]:
    """What rank 0 finds, job by job. The processes are as many as the largest job takes."""
    (folder / "work.json").write_text(json.dumps(jobs))
    port = _free_ports(len(jobs))
    ours = str(Path(lvlm_eval.__file__).parents[1])  # the package that is under test
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    environment["PYTHONPATH"] = ours
    started = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(rank), str(port), str(folder)], env=environment
        )
        for rank in range(max(dp * tp for _, dp, tp, _, _ in jobs))
    ]
    try:
        codes = [process.wait(seconds) for process in started]
    finally:
        for process in started:
            process.kill()
    assert codes == [0] * len(codes)
    found: list[JSON] = json.loads((folder / "found.0.json").read_text())
    return found


def _free_ports(count: int) -> int:
    """The first of so many ports, one after the other, of which at least that one is free."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return min(port, 65_535 - count)
