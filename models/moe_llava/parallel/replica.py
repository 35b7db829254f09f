"""One engine over the ranks of a replica: the first is asked, the others do what it does.

Every rank runs the same engine over the same questions, told in the order in which the first one
takes them. What an engine decides, it decides by what all of them know: so all take the same
steps, and in each the sums of `collectives.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch.distributed
from torch import Tensor

from lvlm_eval.schema import Decoding
from lvlm_eval.wire import Wire, decoding_heard, decoding_said

from ..engine.engine import Engine
from ..engine.sequence import Finished, Question
from ..network import Network
from .told import heard, heard_all, tell, tell_all


@dataclass(frozen=True, slots=True)
class Leading:
    """The engine of the first rank; an `Engine` to those who ask it."""

    engine: Engine
    wire: Wire

    @property
    def network(self) -> Network:
        return self.engine.network

    def run(self, questions: Iterable[Question], decoding: Decoding) -> Iterator[Finished]:
        """What `Engine.run` gives. Who stops taking answers waits for those that were begun."""
        self.wire.say(["run", decoding_said(decoding)])
        taken = _Taken(questions)
        answers = self.engine.run(tell_all(taken, self.wire), decoding)
        try:
            for finished in answers:  # noqa: UP028  # `yield from` would close `answers` as well
                yield finished
        finally:
            taken.over = True
            deque(answers, maxlen=0)  # the other ranks are computing them

    def stream(self, question: Question, decoding: Decoding) -> Generator[int, None, Finished]:
        """What `Engine.stream` gives; as with `run`."""
        self.wire.say(["stream", decoding_said(decoding)])
        ids = self.engine.stream(tell(question, self.wire), decoding)
        try:
            while True:
                try:
                    token = next(ids)
                except StopIteration as ended:
                    last: Finished = ended.value
                    return last
                yield token
        finally:
            deque(ids, maxlen=0)

    def next_logits(self, question: Question, so_far: Sequence[int]) -> Tensor:
        """What `Engine.next_logits` gives."""
        self.wire.say(["weigh", list(so_far)])
        return self.engine.next_logits(tell(question, self.wire), so_far)

    def release(self) -> None:
        """Lets the other ranks go; what they had together is over."""
        self.wire.say(["end", None])
        torch.distributed.destroy_process_group()


def follow(engine: Engine, wire: Wire) -> None:
    """In the other ranks: the engine does what the first one's does, until that lets go."""
    while True:
        order = wire.hear()
        assert isinstance(order, list)
        kind, how = order
        if kind == "end":
            torch.distributed.destroy_process_group()
            return
        if kind == "run":
            deque(engine.run(heard_all(wire), decoding_heard(how)), maxlen=0)
            continue
        question = heard(wire)
        assert question is not None
        if kind == "stream":
            deque(engine.stream(question, decoding_heard(how)), maxlen=0)
        else:
            assert isinstance(how, list)
            engine.next_logits(question, [int(str(token)) for token in how])


@dataclass(slots=True)
class _Taken:
    """Questions until it is over."""

    questions: Iterable[Question]
    over: bool = False

    def __iter__(self) -> Iterator[Question]:
        waiting = iter(self.questions)
        while not self.over and (question := next(waiting, None)) is not None:
            yield question
