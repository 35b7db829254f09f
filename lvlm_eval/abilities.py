"""What some models can do besides answering: protocols that the engine asks for by isinstance."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol, runtime_checkable

from lvlm_eval.schema import Decoding, Model, Request, Response, Sample


@runtime_checkable
class Baseline(Model, Protocol):
    """A reference point that may see the targets. No model under test has this method."""

    def fit(self, samples: Sequence[Sample]) -> Model:
        """The model that answers these samples without looking at their images."""
        ...


@runtime_checkable
class ReadsAhead(Model, Protocol):
    """A model that reads pictures in the background, and knows how long it waited for them."""

    @property
    def stalled_seconds(self) -> float:
        """In all, since the model was opened."""
        ...


@runtime_checkable
class Streams(Model, Protocol):
    """A model whose answers come piece by piece, for talking to it."""

    def prepare(self) -> None:
        """Reads what the first answer would wait for, so that what is missing shows at once."""
        ...

    def stream(self, request: Request, decoding: Decoding) -> Generator[str, None, Response]:
        """One answer's text in pieces; returns the Response, whose text they make when joined."""
        ...
