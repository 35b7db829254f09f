"""Commands in several processes: found from a launcher's variables, or started here.

torchrun, deepspeed and srun say by variables who a process is. Without any of them `--nproc` and
`--parallel` start torchrun on this machine.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Collection, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lvlm_eval.errors import UsageError
from lvlm_eval.placement import Place, Placement, Rank, own_variables, parse_placement, rank_from
from lvlm_eval.team import Team

if TYPE_CHECKING:
    from lvlm_eval.launcher import Ended


@dataclass(frozen=True, slots=True)
class Launch:
    """How a command was started.

    typed: all its arguments. environment: the process's own, in which each process of a launcher
    is shown its own GPU alone. parallel, processes: --parallel and --nproc.
    """

    typed: tuple[str, ...]
    environment: MutableMapping[str, str]
    parallel: str = ""
    processes: int | None = None

    @property
    def rank(self) -> Rank | None:
        """This process among others; None where it is alone."""
        rank = rank_from(self.environment)
        return rank if rank is not None and rank.world_size > 1 else None

    def placement(self, started: int) -> Placement:
        """Of a launch of so many processes; 0: of none yet. UsageError."""
        text, count = self.parallel, self.processes
        if count is not None:
            if "dp" in text and parse_placement(text).dp != count:
                raise UsageError(f"--nproc {count} is dp={count}, and --parallel says {text}")
            text = f"{text},dp={count}"
        return parse_placement(text, started or None)


@contextmanager
def together(launch: Launch, rank: Rank) -> Iterator[Team]:
    """The team of a launcher's processes; to be entered before anything can go wrong."""
    environment = launch.environment
    environment.update(own_variables(rank, environment))
    environment.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # a lost connection is told by us
    if rank.rank:
        logging.getLogger("lvlm_eval").setLevel(logging.WARNING)  # what rank 0 says holds for all
    from lvlm_eval.launcher import Store

    with Team(rank, Store.meet(rank)) as team:
        yield team


def take_place(launch: Launch, team: Team, devices: Collection[str]) -> Place:
    """This process's place, when all have agreed; UsageError where they do not fit together.

    devices: where the models shall compute.
    """
    place = Place(launch.placement(team.rank.world_size), team.rank)
    if unknown := sorted(set(devices) - {"auto", "cpu", "cuda"}):
        raise UsageError(
            f"--device {unknown[0]}: each of several processes has its own GPU, so say cuda or cpu"
        )
    if set(devices) == {"cpu"}:
        launch.environment["CUDA_VISIBLE_DEVICES"] = ""  # libraries would take what they see
    from lvlm_eval.launcher import gpus, versions

    about = {name: f"{name} {version}" for name, version in versions().items()}
    if set(devices) - {"cpu"}:
        about["gpu"] = "a GPU of its own" if gpus() else "no GPU of its own"
    team.agree({"host": platform.node(), **about})
    team.pulse.watch([], partners=place.partners)
    return place


def start_here(launch: Launch, placement: Placement) -> Ended | None:
    """The command in as many processes of this machine as the placement takes.

    Who ended it early and how; what went wrong that process has said itself, unless it was killed.
    """
    threads = max(1, (os.cpu_count() or 1) // placement.processes)
    launch.environment.setdefault("OMP_NUM_THREADS", str(threads))
    from lvlm_eval.launcher import start_torchrun

    return start_torchrun(placement.processes, launch.typed)
