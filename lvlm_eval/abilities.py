"""What some models can do besides answering: protocols that the engine asks for by isinstance."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from lvlm_eval.schema import Decoding, Model, Request, Response, Sample


@runtime_checkable
class Baseline(Model, Protocol):
    """A reference point that may see the targets. No model under test has this method."""

    def fit(self, samples: Sequence[Sample]) -> Model:
        """The model that answers these samples without looking at their images."""
        ...


@runtime_checkable
class Sized(Model, Protocol):
    """A model that knows how large it is without reading its weights."""

    def size(self) -> dict[str, int]:
        """Of these what is known: parameters (of all that runs), activated (of these, what one
        token meets), image_size (pixels a side). Reports show it; it identifies nothing."""
        ...


@runtime_checkable
class ReadsAhead(Model, Protocol):
    """A model that reads pictures in the background, and knows how long it waited for them."""

    @property
    def stalled_seconds(self) -> float:
        """In all, since the model was opened."""
        ...


@runtime_checkable
class CountsExperts(Model, Protocol):
    """A model that can count how many tokens each of its experts served."""

    def take_served(self) -> Mapping[int, Sequence[int]]:
        """Counts by layer and expert since they were last taken; empty where none are kept."""
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


@runtime_checkable
class Sharded(Model, Protocol):
    """A model over several processes: the leading one is asked, the others compute along.

    All are opened by `load(..., parallel: Place)`; what they share is built by the first call of
    `generate`, `prepare` or `stream` in the leading process and of `follow` in the others, which
    so wait for each other. When one of them dies the others raise within a bounded time.
    """

    def prepare(self) -> None:
        """Builds it at once, so that what is missing shows before the first question."""
        ...

    def follow(self) -> None:
        """In a process that does not lead: compute what the leading one does, until it ends."""
        ...

    def release(self) -> None:
        """In the leading process, at the end of all questions: `follow` returns in the others."""
        ...
