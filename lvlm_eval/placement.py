"""Which process computes what: replicas of a model, the ranks of each, and who this process is.

Ranks of one replica are neighbours, so that they share a node where they can. Nothing here reads
the environment or imports torch: `rank_from` is given the variables that a launcher sets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lvlm_eval.errors import UsageError

OWN_LAUNCH = "lvlm-eval"  # the run id by which processes know that this program started them
_KEYS = ("dp", "tp", "ep")
_PORTS = range(20_000, 30_000)  # of which a SLURM step takes one, where MASTER_PORT does not say


@dataclass(frozen=True, slots=True)
class Placement:
    """dp replicas that answer different questions, each one model over tp processes.

    ep: over how many groups of these the experts of a layer are dealt out; it divides tp.
    Raises UsageError for sizes that cannot be.
    """

    dp: int = 1
    tp: int = 1
    ep: int = 1

    def __post_init__(self) -> None:
        for key in _KEYS:
            if getattr(self, key) < 1:
                raise UsageError(f"--parallel: {key} must be at least 1, got {getattr(self, key)}")
        if self.tp % self.ep:
            fitting = ", ".join(f"ep={n}" for n in _divisors(self.tp))
            raise UsageError(
                f"--parallel: ep={self.ep} does not divide tp={self.tp}, over which a replica's "
                f"experts are dealt out; there are {fitting}"
            )

    @property
    def processes(self) -> int:
        """How many there must be, one a GPU."""
        return self.dp * self.tp


@dataclass(frozen=True, slots=True)
class Rank:
    """A process among all that a launcher started together.

    rank, world_size: over all nodes. local_rank: on its node. node: which one, from 0.
    address, port: of the launch's key-value store. hosted: whether the launcher keeps that store;
    else rank 0 opens it. attempt: how often the launcher has begun anew.
    """

    launcher: str
    rank: int
    world_size: int
    local_rank: int
    node: int
    address: str
    port: int
    hosted: bool = False
    attempt: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise UsageError(
                f"{self.launcher}: this process is rank {self.rank} of {self.world_size}, which "
                "cannot be; its variables are left from another launch: unset them"
            )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process stands in a placement.

    replica: which one it belongs to. inner: its rank among that replica's tp processes; the one
    with 0 leads: it takes questions and writes answers, the others compute what it computes. Of
    the node's GPUs each process sees its own alone, as cuda:0.
    """

    placement: Placement
    rank: Rank

    def __post_init__(self) -> None:
        check_fits(self.placement, self.rank)

    @property
    def replica(self) -> int:
        return self.rank.rank // self.placement.tp

    @property
    def inner(self) -> int:
        return self.rank.rank % self.placement.tp

    @property
    def partners(self) -> range:
        """The ranks of this process's replica, its own among them."""
        start = self.replica * self.placement.tp
        return range(start, start + self.placement.tp)

    @property
    def leaders(self) -> range:
        """The ranks that lead a replica."""
        return range(0, self.rank.world_size, self.placement.tp)

    @property
    def leads(self) -> bool:
        return self.inner == 0

    @property
    def first(self) -> bool:
        """Whether this process speaks for all: it shows progress, marks and prints."""
        return self.rank.rank == 0


def parse_placement(text: str, processes: int | None = None) -> Placement:
    """The placement that `dp=2,tp=4,ep=2` means; what is left out is 1.

    processes: how many a launcher started; dp, if left out, is then as many replicas as they make.
    Raises UsageError.
    """
    sizes = dict(_size(pair, text) for pair in text.split(",") if pair.strip())
    if processes is not None and "dp" not in sizes:
        sizes["dp"] = max(1, processes // max(1, sizes.get("tp", 1)))
    return Placement(**sizes)


def check_fits(placement: Placement, rank: Rank) -> None:
    """UsageError where the launcher started another number of processes, with what would fit."""
    started, wanted = rank.world_size, placement.processes
    if started == wanted:
        return
    tp = placement.tp
    if started % tp:
        sizes = _divisors(started)
        fitting = ", ".join(f"dp={started // n},tp={n}" for n in sizes)
    else:
        fitting = f"dp={started // tp},tp={tp}"
    raise UsageError(
        f"--parallel dp={placement.dp},tp={tp} takes {wanted} processes, and {rank.launcher} "
        f"started {started}; start {wanted}, or give one that fits {started}: {fitting}"
    )


def own_variables(rank: Rank, environment: Mapping[str, str]) -> dict[str, str]:
    """By which the process sees its own GPU alone, and libraries take it for the only one."""
    return {
        "CUDA_VISIBLE_DEVICES": own_gpu(rank, environment.get("CUDA_VISIBLE_DEVICES")),
        "LOCAL_RANK": "0",
    }


def own_gpu(rank: Rank, visible: str | None) -> str:
    """The CUDA_VISIBLE_DEVICES by which a process sees its own GPU alone; "" if it has none.

    visible: what the variable says so far. A task of srun that sees one already has it from SLURM.
    """
    if visible is None:
        return str(rank.local_rank)
    listed = [name for name in visible.split(",") if name]
    if rank.launcher == "srun" and len(listed) == 1:
        return listed[0]
    return listed[rank.local_rank] if rank.local_rank < len(listed) else ""


def rank_from(environment: Mapping[str, str]) -> Rank | None:
    """This process among those of torchrun, deepspeed or srun; None where it is by itself.

    torchrun inside an srun step counts as torchrun. A step of one task is by itself. Raises
    UsageError for variables that contradict each other.
    """
    if "RANK" in environment and "WORLD_SIZE" in environment:
        return _from_torch(environment)
    if int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "SLURM_PROCID" in environment:
        return _from_slurm(environment)
    return None


def _from_torch(environment: Mapping[str, str]) -> Rank:
    """torchrun's variables; deepspeed sets the same, but for the node and the store."""
    run = environment.get("TORCHELASTIC_RUN_ID")
    launcher = "deepspeed" if "CROSS_RANK" in environment else "the launcher"
    if run is not None:
        launcher = OWN_LAUNCH if run == OWN_LAUNCH else "torchrun"
    try:
        return Rank(
            launcher,
            int(environment["RANK"]),
            int(environment["WORLD_SIZE"]),
            int(environment["LOCAL_RANK"]),
            int(environment.get("GROUP_RANK", environment.get("CROSS_RANK", "0"))),
            environment["MASTER_ADDR"],
            int(environment["MASTER_PORT"]),
            environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
            int(environment.get("TORCHELASTIC_RESTART_COUNT", "0")),
        )
    except KeyError as error:
        raise UsageError(
            f"RANK and WORLD_SIZE are set, but {error.args[0]} is not; start with torchrun, "
            "deepspeed or srun, or unset them"
        ) from None


def _from_slurm(environment: Mapping[str, str]) -> Rank:
    """srun's variables. All tasks of a step find the same port from the job's and step's ids."""
    job, step = int(environment["SLURM_JOB_ID"]), int(environment["SLURM_STEP_ID"])
    port = _PORTS[(job * 7 + step) % len(_PORTS)]
    return Rank(
        "srun",
        int(environment["SLURM_PROCID"]),
        int(environment["SLURM_STEP_NUM_TASKS"]),
        int(environment["SLURM_LOCALID"]),
        int(environment["SLURM_NODEID"]),
        environment.get("MASTER_ADDR") or first_host(environment["SLURM_STEP_NODELIST"]),
        int(environment.get("MASTER_PORT", port)),
        attempt=int(environment.get("SLURM_RESTART_COUNT", "0")),
    )


def first_host(nodes: str) -> str:
    """The first of a SLURM list of nodes: `gpu[003-005,9],login1` begins with gpu003."""
    matched = re.match(r"(?:[^,\[]|\[[^\]]*\])+", nodes)
    first = matched[0] if matched else nodes
    return re.sub(r"\[([^-,\]]+)[^\]]*\]", r"\1", first)


def _size(pair: str, text: str) -> tuple[str, int]:
    key, _, value = (part.strip() for part in pair.partition("="))
    if key not in _KEYS or not value.isdecimal():
        raise UsageError(f"--parallel {text}: {pair!r} is none of dp=N, tp=N, ep=N")
    return key, int(value)


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]
