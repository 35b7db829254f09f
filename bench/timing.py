"""Taking turns on a machine that may have other work, and what the machine is."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
import transformers


@dataclass(frozen=True, slots=True)
class Turns:
    """Seconds of each side, one a round; load: the average load before and after; others: what
    other processes took of the machine's CPU time meanwhile, 0 to 1."""

    seconds: Mapping[str, list[float]]
    load: tuple[float, float]
    others: float

    def median(self, side: str) -> float:
        return statistics.median(self.seconds[side])

    def spread(self, side: str) -> float:
        """Slowest over fastest."""
        return max(self.seconds[side]) / min(self.seconds[side])

    @property
    def machine(self) -> str:
        """In words, how busy the machine was with other work."""
        before, after = self.load
        return f"load {before:.1f} before, {after:.1f} after; {self.others:.0%} CPU to others"


def take_turns(sides: Mapping[str, Callable[[], object]], rounds: int) -> Turns:
    """Every side once a round, forwards and backwards in turn. Warm up before."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    before, busy, own, start = _load(), _busy(), time.process_time(), time.perf_counter()
    for number in range(rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            began = time.perf_counter()
            sides[name]()
            seconds[name].append(time.perf_counter() - began)
    available = (time.perf_counter() - start) * (psutil.cpu_count() or 1)
    others = (_busy() - busy) - (time.process_time() - own)
    return Turns(seconds, (before, _load()), max(0.0, others / available))


def machine() -> str:
    """Processor, cores, threads and versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{models[0] if models else platform.processor()}, {psutil.cpu_count()} logical cores, "
        f"{memory:.0f} GiB; Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}; {torch.get_num_threads()} torch threads "
        f"({torch.backends.cpu.get_cpu_capability()})"
    )


def _load() -> float:
    """Processes that ran or waited, on average over the last minute."""
    return float(psutil.getloadavg()[0])


def _busy() -> float:
    """Seconds of CPU time that all processes have had."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)
