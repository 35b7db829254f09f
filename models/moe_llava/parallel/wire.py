"""What the leading rank tells the others: JSON texts and pictures, over sockets of their own.

Not by the collectives of the computation: those have a time limit, and the next question may be
hours away. That a rank has died while others wait here is noticed by who started them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta

import torch
import torch.distributed
from torch import Tensor

from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Decoding

from ..engine.sequence import Question, Shown
from .collectives import partners

_NO_LIMIT = timedelta(days=365)
_END = "end"  # of the questions of one order


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

    def show(self, found: Tensor | str) -> None:
        """A picture's pixels, or what is wrong with it."""
        self.say(found if isinstance(found, str) else list(found.shape))
        if not isinstance(found, str):
            self._broadcast(found.float().contiguous(), 0)

    def see(self) -> Tensor | str:
        """What is shown."""
        shape = self.hear()
        if isinstance(shape, str):
            return shape
        assert isinstance(shape, list)
        pixels = torch.empty([int(str(size)) for size in shape])
        self._broadcast(pixels, 0)
        return pixels

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


@dataclass(frozen=True, slots=True)
class Told:
    """A picture of the leading rank, shown to the others when it is read."""

    picture: Shown
    wire: Wire

    @property
    def key(self) -> str:
        return self.picture.key

    @property
    def pixels(self) -> Tensor:
        return _pixels(self.read())

    def begin(self) -> None:
        self.picture.begin()

    def read(self) -> Tensor | str:
        """Pixels (3, size, size), or what went wrong."""
        found = self.picture.read()
        self.wire.show(found)
        return found


@dataclass(frozen=True, slots=True)
class Heard:
    """The same picture in another rank."""

    key: str
    wire: Wire

    @property
    def pixels(self) -> Tensor:
        return _pixels(self.read())

    def begin(self) -> None:
        """The leading rank reads it."""

    def read(self) -> Tensor | str:
        """Pixels (3, size, size), or what went wrong."""
        return self.wire.see()


def tell(question: Question, wire: Wire) -> Question:
    """The question, told to the other ranks, whose pictures will be."""
    keys: list[JSON] = [picture.key for picture in question.pictures]
    wire.say([question.question_id, list(question.token_ids), keys])
    told = tuple(Told(picture, wire) for picture in question.pictures)
    return Question(question.question_id, question.token_ids, told)


def tell_all(questions: Iterable[Question], wire: Wire) -> Iterator[Question]:
    """Each question told as it is taken, and that there are no more."""
    for question in questions:
        yield tell(question, wire)
    wire.say(_END)


def heard(wire: Wire) -> Question | None:
    """The question that the leading rank tells; None where there are no more."""
    said = wire.hear()
    if said == _END:
        return None
    assert isinstance(said, list)
    name, ids, keys = said
    assert isinstance(ids, list)
    assert isinstance(keys, list)
    pictures = tuple(Heard(str(key), wire) for key in keys)
    return Question(str(name), tuple(int(str(token)) for token in ids), pictures)


def heard_all(wire: Wire) -> Iterator[Question]:
    """The questions that the leading rank takes."""
    while (question := heard(wire)) is not None:
        yield question


def decoding_said(decoding: Decoding) -> JSON:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(decoding).items()}


def decoding_heard(said: JSON) -> Decoding:
    assert isinstance(said, dict)
    stop = said["stop"]
    assert isinstance(stop, list)
    return Decoding(**{**said, "stop": tuple(map(str, stop))})


def _pixels(found: Tensor | str) -> Tensor:
    if isinstance(found, str):
        raise DataError(found)
    return found
