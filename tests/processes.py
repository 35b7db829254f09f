"""Starts a few processes once and has them do several jobs: a start takes seconds.

A worker is a file with JOBS: by name, functions of a Place and an argument.
"""

from __future__ import annotations

import json
import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import lvlm_eval
from lvlm_eval.placement import Place, Placement, Rank
from lvlm_eval.schema import JSON

# A job's name, its placement (dp, tp, ep) and its argument.
Job = tuple[str, int, int, int, JSON]


def launch(worker: Path, jobs: Sequence[Job], folder: Path, seconds: float) -> list[JSON]:
    """What rank 0 finds, job by job. The processes are as many as the largest job takes."""
    (folder / "work.json").write_text(json.dumps(jobs))
    port = _free_ports(len(jobs))
    ours = str(Path(lvlm_eval.__file__).parents[1])  # the package that is under test
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    environment["PYTHONPATH"] = ours
    # -P: beside this file lies a folder called lvlm_eval
    program = [sys.executable, "-P", __file__, str(worker), str(folder), str(port)]
    started = [
        subprocess.Popen([*program, str(rank)], env=environment)
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


def _serve(worker: str, folder: Path, port: int, rank: int) -> None:
    """One of the processes: does the jobs that have a place for it."""
    import torch

    from lvlm_eval.launcher import Store

    torch.set_num_threads(1)
    do = runpy.run_path(worker)["JOBS"]
    found, stores = [], []  # rank 0 keeps the stores
    for job, dp, tp, ep, argument in json.loads((folder / "work.json").read_text()):
        if rank < dp * tp:
            who = Rank("test", rank, dp * tp, rank, 0, "127.0.0.1", port)
            stores.append(Store.meet(who))
            found.append(do[job](Place(Placement(dp, tp, ep), who), argument))
        port += 1
    (folder / f"found.{rank}.json").write_text(json.dumps(found))
    os._exit(0)  # torch's threads abort a process that has lost another one


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
