"""What goes into the engine and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lvlm_eval.schema import Finish


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
