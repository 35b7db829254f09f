"""Where launchers are met: a launch's key-value store, a replica's process group, torchrun itself.

Imports torch, as only `wire.py` does besides in the engine: whoever needs it imports it when it is
used.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed
from torch.distributed import DistError, PrefixStore, TCPStore  # type: ignore[attr-defined]

from lvlm_eval.errors import Incomplete, UsageError, first_line
from lvlm_eval.placement import OWN_LAUNCH, Place, Rank

CONNECT_SECONDS = 300.0  # in which rank 0 must have come up, on whatever node
COLLECTIVE_SECONDS = 600.0  # after which a collective without an answer raises


class Store:
    """The launch's key-value store; texts by key. Raises Incomplete once it is gone.

    It is the launcher's own where it keeps one (torchrun), else rank 0 opens it.
    """

    def __init__(self, rank: Rank, *, opens: bool = False) -> None:
        self._rank = rank
        self._where = f"{rank.launcher}'s store at {rank.address}:{rank.port}"
        # a launch that begins anew may find the store with what the last attempt left
        self._store = PrefixStore(f"lvlm_eval/{rank.attempt}", self._connect(opens))

    @classmethod
    def meet(cls, rank: Rank) -> Store:
        """The store of a process's launch, opened where that is for this process to do."""
        return cls(rank, opens=rank.rank == 0 and not rank.hosted)

    def part(self, name: str) -> PrefixStore:
        """A part of the store for torch's own use."""
        return PrefixStore(name, self._store)

    def again(self) -> Store:
        """A connection of its own to the same store, for another thread."""
        return Store(self._rank)

    def put(self, key: str, text: str) -> None:
        try:
            self._store.set(key, text)
        except DistError as error:
            raise self._gone(error) from None

    def get(self, key: str) -> str | None:
        """The text; None where there is none yet."""
        try:
            if not self._store.check([key]):
                return None
            return self._store.get(key).decode()
        except DistError as error:
            raise self._gone(error) from None

    def add(self, key: str, amount: int = 1) -> int:
        """The counter's new value; no other process gets the same one."""
        try:
            return self._store.add(key, amount)
        except DistError as error:
            raise self._gone(error) from None

    def _connect(self, opens: bool) -> TCPStore:
        rank = self._rank
        limit = timedelta(seconds=CONNECT_SECONDS)
        try:
            return TCPStore(rank.address, rank.port, None, opens, limit, wait_for_workers=False)
        except DistError as error:
            doing = "open" if opens else "reach"
            raise UsageError(
                f"rank {rank.rank}: cannot {doing} {self._where}: {first_line(error)}; "
                "give another MASTER_ADDR and MASTER_PORT (deepspeed: --master_addr, --master_port)"
            ) from None

    def _gone(self, error: DistError) -> Incomplete:
        return Incomplete(
            f"rank {self._rank.rank}: {self._where} is gone ({first_line(error)}): the launch has "
            "ended; what is answered is kept, the same command goes on"
        )


def versions() -> dict[str, str]:
    """What must be the same in all processes for their answers to be."""
    from importlib.metadata import version

    return {
        "lvlm_eval": version("lvlm-eval"),
        "torch": torch.__version__,
        "python": ".".join(map(str, sys.version_info[:2])),
    }


def gpus() -> int:
    """How many GPUs this process sees; under a launcher one or none, see `placement.own_gpu`."""
    return int(torch.cuda.device_count())


def join_replica(place: Place, device: str) -> None:
    """Makes torch's default process group of this process's replica alone: gloo, nccl on GPUs.

    All `tp` processes of the replica call it, as often as they load a model; the group of the
    model before is then given up. Whoever waits for more than a computation
    (for the next question, say) needs a group of its own without the time limit; that a partner
    has died, `team.Team` notices.
    """
    rank, replica = place.rank, place.replica
    store = Store(rank)
    turn = store.add(f"joined/{replica}/{place.inner}")
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    torch.distributed.init_process_group(
        "nccl" if device.startswith("cuda") else "gloo",
        store=store.part(f"replica/{replica}/{turn}"),
        rank=place.inner,
        world_size=place.placement.tp,
        timeout=timedelta(seconds=COLLECTIVE_SECONDS),
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """Which process ended a launch, and how: its exit code, or minus the signal that killed it."""

    rank: int
    code: int


def start_torchrun(processes: int, arguments: Sequence[str]) -> Ended | None:
    """Runs `lvlm-eval` with these arguments in so many processes on this machine, as torchrun does.

    None where all ended well. One that fails ends them all. Raises Incomplete if this process is
    told to end.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=OWN_LAUNCH,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",  # any free port
        local_addr="localhost",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "lvlm_eval", *arguments)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        return Ended(rank, failure.exitcode)
    except SignalException as error:
        if error.sigval == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise Incomplete(
            f"ended by {error.sigval.name}; what is answered is kept, the same command goes on"
        ) from None
    return None
