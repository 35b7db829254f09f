"""What a model may show of an answer's making, for finding where two answers part and why.

No run needs it. Models that can be traced have two methods more than `schema.Model`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lvlm_eval.schema import Decoding, Model, Request, Response


@dataclass(frozen=True, slots=True)
class Traced:
    """An answer and its tokens' ids, with the one that ended it; none where they are not known."""

    response: Response
    token_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Rival:
    """A token that might have come next: its text, and its logit, None where it has none."""

    text: str
    logit: float | None


@runtime_checkable
class Traces(Model, Protocol):
    """A model that shows the tokens of its answers and what else it might have said."""

    def trace(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Traced]:
        """What `generate` gives, with the tokens."""
        ...

    def weigh(
        self, request: Request, so_far: Sequence[int], rivals: Sequence[int]
    ) -> tuple[Rival, ...]:
        """The tokens with these ids as they stand after the prompt and an answer so far.

        The request is asked alone, prompt and answer in one forward, without a cache.
        """
        ...
