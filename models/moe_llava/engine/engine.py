"""The engine: questions in, answers out as they end, in whatever order that is.

In fp32 a greedy answer depends on no other question, on no budget and on no reuse, up to
rounding: positions count a prompt's own tokens, nobody sees another's, and drop-free experts treat
every token alone. Capacity routing is the exception by its nature, so it asks one at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import torch
from torch import Tensor

from lvlm_eval.schema import Decoding
from lvlm_eval.wire import too_much

from ..candidates import next_logits
from ..network import Network
from .continuous import Continuous, Limits
from .footprint import Footprint
from .plain import Plain
from .prompt import Alphabet
from .sequence import Finished, Question, Step, Stops, failed

_log = logging.getLogger(__name__)
EngineRouting = Literal["argmax", "capacity", "sampled"]
_FULL = (
    "UsageError: the conversation fills the {} positions that the model takes, so its end "
    "would be cut off; start a new one"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A network and how it is run.

    stops: whether the ids of an answer so far end it, given extra stop strings.
    routing: "sampled" is argmax with seeded Gumbel noise on the second expert, which the
    original always has. It and "capacity" ask in padded batches and share nothing.
    max_length: longer prompts are cut from the right, as LLaVA-1.5 does; None for no limit.
    routing_seed: of that noise; what tokens are drawn does not depend on it, nor it on their seed.
    budget: positions whose keys and values are kept at once, or what takes as much while it is
    computed; 0: as many as fit into half of the memory that is free.
    reuse: whether what prompts have in common is computed once.
    batch: at most so many sequences at once. window: so many questions are looked at together, to
    find those that share something. retreats: whether it goes on with less where the memory ends;
    one of several that do the same cannot, since the others do not hear of it.
    """

    network: Network
    stops: Stops
    routing: EngineRouting = "argmax"
    max_length: int | None = None
    routing_seed: int = 0
    budget: int = 0
    reuse: bool = True
    batch: int = 64
    window: int = 16384
    retreats: bool = True

    def run(self, questions: Iterable[Question], decoding: Decoding) -> Iterator[Finished]:
        """All answers, each as soon as it ends; equal question_ids may not occur together.

        Questions are taken as they are needed. Where the memory ends the engine goes on with
        half as much at once; a question that is too large by itself has failed.
        """
        for step in self._steps(questions, decoding):
            yield from (finished for _, finished in step if finished is not None)

    def stream(self, question: Question, decoding: Decoding) -> Generator[int, None, Finished]:
        """The ids of one answer as they come; what it returns at the end is what `run` gives.

        But a prompt that `run` would cut has failed: of a conversation that grows, the cut takes
        what was asked last.
        """
        whole = Alphabet(self.network, None).encode(question).length
        if self.max_length is not None and whole >= self.max_length:
            return Finished(question.question_id, (), "error", _FULL.format(self.max_length))
        last: Finished | None = None
        for ((answer, finished),) in self._steps([question], decoding):
            last = finished
            if finished is None or finished.reason != "error":
                yield answer.ids[-1]
        assert last is not None  # every answer ends, by its length at the latest
        return last

    @torch.inference_mode()
    def _steps(self, questions: Iterable[Question], decoding: Decoding) -> Iterator[Step]:
        if self.routing != "argmax":
            yield from self._padded(questions, decoding)
            return
        budget = self.budget or Footprint.of(self.network).free(self.network)
        limits = Limits(budget, self.batch, self.window, self.reuse, self.max_length, self.retreats)
        yield from Continuous(self.network, self.stops, decoding, limits).steps(questions)

    def _padded(self, questions: Iterable[Question], decoding: Decoding) -> Iterator[Step]:
        waiting = iter(questions)
        plain = Plain(
            self.network,
            self.stops,
            "capacity" if self.routing == "capacity" else "argmax",
            self.routing == "sampled",
            self.routing_seed,
            self.max_length,
        )
        while batch := list(islice(waiting, self.batch)):
            if self.retreats:
                yield from _halving(plain, batch, decoding)
            else:
                yield from _at_once(plain, batch, decoding)

    def next_logits(self, question: Question, so_far: Sequence[int]) -> Tensor:
        """Logits (V,) of what follows an answer's tokens so far; see `candidates.py`."""
        return next_logits(self.network, question, so_far, self.max_length)


def _at_once(plain: Plain, questions: Sequence[Question], decoding: Decoding) -> Iterator[Step]:
    """The steps of a batch; Incomplete where the memory ends."""
    try:
        yield from plain.steps(questions, decoding)
    except torch.OutOfMemoryError as error:
        raise too_much(len(questions), f"batch={max(1, len(questions) // 2)}", error) from error


def _halving(plain: Plain, questions: Sequence[Question], decoding: Decoding) -> Iterator[Step]:
    """The steps of a batch; of its halves, one after the other, where the memory ends."""
    batches = [list(questions)]
    while batches:
        batch, done = batches.pop(0), set[str]()
        try:
            for step in plain.steps(batch, decoding):
                done |= {finished.question_id for _, finished in step if finished is not None}
                yield step
        except torch.OutOfMemoryError as error:
            rest = [question for question in batch if question.question_id not in done]
            if len(rest) == 1:
                yield failed(rest[0], f"OutOfMemoryError: {error}")
                continue
            _log.warning("out of memory with %d questions: halving", len(rest))
            batches[:0] = [rest[: len(rest) // 2], rest[len(rest) // 2 :]]
