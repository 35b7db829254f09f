"""Whether a network's weights fit, said before any is read; what was freed, given back."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from torch import nn

from lvlm_eval.errors import CheckpointError

from .moe import Router

MARGIN = 0.1  # on top of the weights: cache, activations, buffers
_CGROUPS, _MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def bytes_needed(
    network: nn.Module,
    dtype: torch.dtype,
    itemsize: Callable[[str, nn.Module], float] | None = None,
) -> int:
    """Bytes of the weights in the dtype, routers in fp32, of a network that need have none yet.

    itemsize: bytes a weight of a module (by name) takes where that is not the dtype's, else 0.
    """
    total = 0.0
    for name, module in network.named_modules():
        size = float(torch.float32.itemsize if isinstance(module, Router) else dtype.itemsize)
        for leaf, parameter in module.named_parameters(recurse=False):
            own = itemsize(name, module) if itemsize and leaf == "weight" else 0
            total += parameter.numel() * (own or size)
    return int(total)


def bytes_free(device: torch.device) -> int:
    """Bytes that can still be had on the device; on the CPU within the limits of its cgroups.

    Cached pages of files count as free: they make room, and weights may be such pages.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    left = cgroup_left(_CGROUPS, _MEMBERSHIP)
    free = int(psutil.virtual_memory().available)
    return free if left is None else min(free, left)


def check_fits(
    needed: int, dtype: str, device: torch.device, origin: str, *, quantised: bool = False
) -> None:
    """CheckpointError with the figures where the weights, with the margin, are too many.

    quantised: they are counted so already, so quantising is no advice any more.
    """
    free = bytes_free(device)
    wanted = int(needed * (1 + MARGIN))
    if wanted <= free:
        return
    smaller = [] if dtype in ("bfloat16", "float16") else ["dtype=bfloat16"]
    smaller += [] if quantised else ["quant=int8"]
    advice = " or ".join([*smaller, "a machine with more"])
    raise CheckpointError(
        f"{origin}: needs {_gigabytes(wanted)} as {dtype} ({_gigabytes(needed)} of weights and a "
        f"tenth more to run), {_gigabytes(free)} are free on {device}; use {advice}"
    )


def give_back() -> None:
    """Returns to the system what malloc keeps of freed memory, where it is glibc's.

    Between tensors that stay it keeps the holes of those that went: without this a tenth to a
    third more than the weights, for good.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def cgroup_left(root: Path, membership: Path) -> int | None:
    """What the cgroups that the process is in still allow; None where none has a limit.

    membership: /proc/self/cgroup. A limit of any group above binds as well. In version 1 the
    memory controller has a tree of its own; in a container the path may not exist under root.
    """
    try:
        lines = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return None
    left = []
    for _, controllers, path in lines:
        if controllers not in ("", "memory"):
            continue
        tree = root / controllers
        inner = tree / path.lstrip("/")
        groups = [tree, *(group for group in (inner, *inner.parents) if tree in group.parents)]
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        if not controllers:
            names = ("memory.max", "memory.current")
        left += [_left(group, *names) for group in groups]
    known = [value for value in left if value is not None]
    return min(known) if known else None


def _left(group: Path, limit: str, used: str) -> int | None:
    allowed, current = _number(group / limit), _number(group / used)
    if allowed is None or current is None:
        return None
    return max(0, allowed - current + _statistic(group / "memory.stat", "inactive_file"))


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such cgroup, or "max": no limit
        return None


def _statistic(file: Path, name: str) -> int:
    """A line of memory.stat; version 1 has whole trees under total_*."""
    try:
        lines = dict(line.split() for line in file.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(lines.get(f"total_{name}", lines.get(name, 0)))


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
