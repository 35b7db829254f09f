"""A stored tensor read into the memory where it stays.

On the CPU, in the type it is stored in, a large tensor is the file's own pages, mapped: no copy
exists and loading is as fast as the page cache. All else is read in pieces of bounded size
through a staging buffer, pinned where it goes to a GPU. Of columns of a matrix nothing else is
read: each row's piece by itself.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

from lvlm_eval.errors import CheckpointError

from .stored import Stored

CPU = torch.device("cpu")
_MAPPED = 1 << 20  # bytes; below, a mapping costs more than a copy
_STAGING = 2 << 20  # bytes of a staging buffer
_THREADS = min(4, os.cpu_count() or 1)
_POPULATE_READ = 22  # Linux's MADV_POPULATE_READ, for which Python has no name yet


def read_tensor(
    stored: Stored, dtype: torch.dtype | None = None, device: torch.device = CPU
) -> Tensor:
    """The tensor, contiguous, in the dtype (its own without one) on the device.

    May be a private mapping of its file (`is_mapped`): writing to it changes no file, but the
    file must not be written to while the tensor is in use. CheckpointError if the file is short.
    """
    dtype = dtype or stored.dtype
    if is_mapped(stored, dtype, device):
        return _map(stored)
    target = torch.empty(stored.shape, dtype=dtype, device=device)
    if stored.gaps:
        _gather(stored, target)
        return target
    if not stored.contiguous:
        whole = torch.empty(stored.span, dtype=stored.dtype)
        _read_into(stored, whole, stored.offset)
        return target.copy_(whole.as_strided(stored.shape, stored.stride))
    if device.type == "cpu" and dtype == stored.dtype:
        _read_into(stored, target.view(-1), stored.offset)
    else:
        _convert(stored, target.view(-1))
    return target


def is_mapped(stored: Stored, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether reading it so gives a view of the file instead of a copy."""
    return (
        device.type == "cpu"
        and dtype == stored.dtype
        and stored.contiguous
        and stored.nbytes >= _MAPPED
        and stored.offset % dtype.itemsize == 0
    )


def _map(stored: Stored) -> Tensor:
    before = stored.offset % mmap.ALLOCATIONGRANULARITY
    with stored.file.open("rb") as opened:
        try:
            pages = mmap.mmap(
                opened.fileno(),
                before + stored.nbytes,
                access=mmap.ACCESS_COPY,
                offset=stored.offset - before,
            )
        except ValueError:  # what Python raises when the file is shorter
            raise _short(stored) from None
    _populate(pages)
    flat = torch.frombuffer(pages, dtype=stored.dtype, count=stored.elements, offset=before)
    return flat.view(stored.shape)


def _populate(pages: mmap.mmap) -> None:
    """Has the pages in memory now, so that a slow or failing disk shows while loading."""
    try:
        pages.madvise(_POPULATE_READ)
    except OSError:  # a kernel before 5.14
        torch.frombuffer(pages, dtype=torch.uint8)[:: mmap.PAGESIZE].sum()


def _convert(stored: Stored, target: Tensor) -> None:
    """Fills the flat target, staging buffer by staging buffer, on all cores if there is much."""
    threads = _THREADS if target.device.type == "cpu" and stored.nbytes > _STAGING else 1
    share = -(-len(target) // threads) or 1
    with ThreadPoolExecutor(threads) as pool:
        starts = range(0, len(target), share)
        list(pool.map(lambda start: _convert_part(stored, target, start, share), starts))


def _convert_part(stored: Stored, target: Tensor, start: int, share: int) -> None:
    """Fills `share` elements of the target from `start` on."""
    stop, size = min(start + share, len(target)), stored.dtype.itemsize
    room = min(_STAGING // size, stop - start)
    staging = torch.empty(room, dtype=stored.dtype, pin_memory=target.device.type == "cuda")
    for first in range(start, stop, room):
        part = staging[: min(room, stop - first)]
        _read_into(stored, part, stored.offset + first * size)
        # moved as it is and converted there: a GPU takes half the bytes of what it widens
        target[first : first + len(part)].copy_(part.to(target.device))


def _gather(stored: Stored, target: Tensor) -> None:
    """Fills the target (rows, columns) with rows between which there are gaps in the file."""
    rows, columns = stored.shape
    size = stored.dtype.itemsize
    if target.device.type == "cpu" and target.dtype == stored.dtype:
        _fill_rows(stored, target, 0)
        return
    together = max(1, _STAGING // max(1, columns * size))
    pinned = target.device.type == "cuda"
    staging = torch.empty(min(together, rows), columns, dtype=stored.dtype, pin_memory=pinned)
    for first in range(0, rows, together):
        part = staging[: min(together, rows - first)]
        _fill_rows(stored, part, first)
        target[first : first + len(part)].copy_(part.to(target.device))


def _fill_rows(stored: Stored, target: Tensor, first: int) -> None:
    """Fills the CPU tensor (rows, columns) with the stored one's rows from the first on."""
    step = stored.stride[0] * stored.dtype.itemsize
    with _opened(stored) as opened:
        for row, room in enumerate(target.view(torch.uint8).numpy(), first):
            _fill(opened, stored, room.data, stored.offset + row * step)


def _read_into(stored: Stored, flat: Tensor, offset: int) -> None:
    """Fills the flat CPU tensor with the file's bytes from the offset on."""
    with _opened(stored) as opened:
        _fill(opened, stored, flat.view(torch.uint8).numpy().data, offset)


def _fill(opened: int, stored: Stored, room: memoryview, offset: int) -> None:
    """Fills the room with the opened file's bytes from the offset on."""
    while room:
        count = os.preadv(opened, [room], offset)
        if not count:
            raise _short(stored)
        room, offset = room[count:], offset + count


@contextmanager
def _opened(stored: Stored) -> Iterator[int]:
    opened = os.open(stored.file, os.O_RDONLY)
    try:
        yield opened
    finally:
        os.close(opened)


def _short(stored: Stored) -> CheckpointError:
    return CheckpointError(f"{stored.file}: ends within {stored.key!r}; fetch the file anew")
