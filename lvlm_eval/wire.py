"""What the leading rank of a replica tells the others: JSON texts and tensors, over sockets of
their own.

Not by the collectives of the computation: those have a time limit, and the next question may be
hours away. That a rank has died while others wait here is noticed by who started them.
Imports torch: adapters import it, and whoever else needs it imports it when it is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta

import torch
import torch.distributed
from torch import Tensor

from lvlm_eval.errors import CheckpointError, Incomplete, first_line
from lvlm_eval.schema import JSON, Decoding

_NO_LIMIT = timedelta(days=365)


class Wire:
    """The leading rank says, the others hear, each in the same order. Made by all together."""

    def __init__(self) -> None:
        self._group = torch.distributed.new_group(backend="gloo", timeout=_NO_LIMIT)
        self._ranks = torch.distributed.get_world_size()

    def say(self, message: JSON, source: int = 0) -> None:
        text = torch.frombuffer(bytearray(json.dumps(message).encode()), dtype=torch.uint8)
        self._broadcast(torch.tensor([len(text)]), source)
        self._broadcast(text, source)

    def hear(self, source: int = 0) -> JSON:
        length = torch.zeros(1, dtype=torch.int64)
        self._broadcast(length, source)
        text = torch.empty(int(length), dtype=torch.uint8)
        self._broadcast(text, source)
        heard: JSON = json.loads(bytes(text.numpy()))
        return heard

    def show(self, tensor: Tensor) -> None:
        """Any shape, any type; of whatever device."""
        self.say([str(tensor.dtype).removeprefix("torch."), *tensor.shape])
        if tensor.numel():
            self._broadcast(tensor.cpu().contiguous().reshape(-1).view(torch.uint8), 0)

    def see(self) -> Tensor:
        """The tensor that is shown, on the CPU."""
        said = self.hear()
        assert isinstance(said, list)
        kind, *shape = said
        tensor = torch.empty([int(str(size)) for size in shape], dtype=getattr(torch, str(kind)))
        if tensor.numel():
            self._broadcast(tensor.reshape(-1).view(torch.uint8), 0)
        return tensor

    def all_say(self, text: str) -> list[str]:
        """What each rank says, by all of them at once."""
        own, said = torch.distributed.get_rank(), []
        for rank in range(self._ranks):
            if rank == own:
                self.say(text, rank)
                said.append(text)
            else:
                said.append(str(self.hear(rank)))
        return said

    def _broadcast(self, tensor: Tensor, source: int) -> None:
        with partners():
            torch.distributed.broadcast(tensor, source, group=self._group)


@contextmanager
def partners() -> Iterator[None]:
    """Incomplete where another rank has gone, or does not answer within the time limit."""
    try:
        yield
    except RuntimeError as error:
        if not _of_a_connection(error):
            raise
        raise Incomplete(
            f"rank {torch.distributed.get_rank()} of the replica has lost another one "
            f"({first_line(error)}); what is answered is kept, the same command goes on"
        ) from error


def agree(wire: Wire, problem: str) -> None:
    """CheckpointError in all ranks where one of them has a problem; "" for none."""
    problems = wire.all_say(problem)
    for rank, text in enumerate(problems):
        if text:
            raise CheckpointError(text if rank == 0 else f"rank {rank} of the replica: {text}")


def too_much(count: int, advice: str, error: torch.OutOfMemoryError) -> Incomplete:
    """What ends a replica whose memory does not suffice for so many questions at once.

    One rank cannot go on with less by itself, since the others do not hear of it.
    """
    return Incomplete(
        f"out of memory with {count} question{'s' if count > 1 else ''} at once "
        f"({first_line(error)}); processes that share a model cannot go on with less by "
        f"themselves: the same command with {advice} goes on"
    )


def decoding_said(decoding: Decoding) -> JSON:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(decoding).items()}


def decoding_heard(said: JSON) -> Decoding:
    assert isinstance(said, dict)
    stop = said["stop"]
    assert isinstance(stop, list)
    return Decoding(**{**said, "stop": tuple(map(str, stop))})


def _of_a_connection(error: RuntimeError) -> bool:
    """Whether it is what torch raises for a lost connection or the time limit: NCCL's and the
    store's errors have a type, those of gloo only name a file of it."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower()
