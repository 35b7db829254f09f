"""What goes into the engine and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lvlm_eval.schema import Decoding, Finish

from .sampler import generator_for

Stops = Callable[[Sequence[int], Sequence[str]], bool]


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels (3, size, size) and what tells them from others: equal keys are encoded once."""

    key: str
    pixels: Tensor


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt: ids with an image token for each picture, in order."""

    question_id: str
    token_ids: tuple[int, ...]
    pictures: tuple[Picture, ...] = ()


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


def failed(question: Question, error: torch.OutOfMemoryError) -> Step:
    """What is said of a question that does not fit into the memory by itself."""
    name, message = question.question_id, f"OutOfMemoryError: {error}"
    return [(Answer.begin(question, 0), Finished(name, (), "error", message))]
