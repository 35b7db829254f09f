"""What goes into the engine and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lvlm_eval.schema import Decoding, Finish

from .sampler import generator_for

Stops = Callable[[Sequence[int], Sequence[str]], bool]


class Shown(Protocol):
    """A picture, there or still to come. key: equal ones are encoded once."""

    @property
    def key(self) -> str: ...

    @property
    def pixels(self) -> Tensor:
        """What `read` gives; DataError where that is an error."""
        ...

    def begin(self) -> None:
        """Says that it will soon be wanted."""
        ...

    def read(self) -> Tensor | str:
        """Pixels (3, size, size), or what went wrong; waits for them."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is there: pixels (3, size, size) and what tells them from others."""

    key: str
    pixels: Tensor

    def begin(self) -> None:
        """Nothing is left to be done."""

    def read(self) -> Tensor | str:
        """The pixels."""
        return self.pixels


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt: ids with an image token for each picture, in order."""

    question_id: str
    token_ids: tuple[int, ...]
    pictures: tuple[Shown, ...] = ()

    def error(self, errors: Mapping[str, str]) -> str | None:
        """What is wrong with its first picture that has one of these errors, by key."""
        return next((errors[p.key] for p in self.pictures if p.key in errors), None)


@dataclass(frozen=True, slots=True)
class Finished:
    """An answer's ids, the one that ended it included; after an error none, and what it was."""

    question_id: str
    new_token_ids: tuple[int, ...]
    reason: Finish
    error: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A sequence that is being answered: its ids so far, its own sources of randomness."""

    question_id: str
    ids: list[int]
    draws: torch.Generator
    noise: torch.Generator

    @classmethod
    def begin(cls, question: Question, seed: int, routing_seed: int = 0) -> Answer:
        name = question.question_id
        tokens = generator_for(seed, name, "tokens")
        return cls(name, [], tokens, generator_for(routing_seed, name, "experts"))

    def finished(self, stops: Stops, decoding: Decoding) -> Finished | None:
        """The finished answer, if its last id ended it."""
        reason: Finish
        if stops(self.ids, decoding.stop):
            reason = "stop"
        elif len(self.ids) >= decoding.max_new_tokens:
            reason = "length"
        else:
            return None
        return Finished(self.question_id, tuple(self.ids), reason)


# Each live answer, one token longer than before, and what it is if it ended.
Step = list[tuple[Answer, Finished | None]]


def failed(question: Question, error: str) -> Step:
    """What is said of a question that cannot be answered."""
    finished = Finished(question.question_id, (), "error", error)
    return [(Answer.begin(question, 0), finished)]


def read_pictures(pictures: Iterable[Shown]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Pixels by key, each picture read once; and by key what is wrong with the others."""
    read = {key: one.read() for key, one in {one.key: one for one in pictures}.items()}
    pixels = {key: found for key, found in read.items() if not isinstance(found, str)}
    return pixels, {key: found for key, found in read.items() if isinstance(found, str)}
