"""Questions of the leading rank, told to the others in the order in which it takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor

from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON
from lvlm_eval.wire import Wire

from ..engine.sequence import Question, Shown

_END = "end"  # of the questions of one order


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
        self.wire.say(found if isinstance(found, str) else None)
        if not isinstance(found, str):
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
        wrong = self.wire.hear()
        return self.wire.see() if wrong is None else str(wrong)


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


def _pixels(found: Tensor | str) -> Tensor:
    if isinstance(found, str):
        raise DataError(found)
    return found
