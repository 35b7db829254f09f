"""The loop: encode pictures, prefill, decode until every sequence of the batch has its end.

In fp32 a greedy answer depends on no other sequence of its batch, up to rounding: padding is
masked, positions count real tokens only, and drop-free experts treat every token alone. Capacity
routing is the exception by its nature.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from lvlm_eval.schema import Decoding

from ..moe import RoutingKind
from ..network import Network
from ..splice import Spliced
from .runner import Noise, decode, keep, prefill
from .sampler import generator_for, gumbel, next_tokens
from .sequence import Finished, Question

_log = logging.getLogger(__name__)
EngineRouting = Literal["argmax", "capacity", "sampled"]
Stops = Callable[[Sequence[int], Sequence[str]], bool]
_Reason = Literal["stop", "length"] | None
_FULL = (
    "UsageError: the conversation fills the {} positions that the model takes, so its end "
    "would be cut off; start a new one"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A network and how it is run.

    stops: whether the ids of an answer so far end it, given extra stop strings.
    routing: "sampled" is argmax with seeded Gumbel noise on the second expert, which the
    original always has.
    max_length: longer prompts are cut from the right, as LLaVA-1.5 does; None for no limit.
    routing_seed: of that noise; what tokens are drawn does not depend on it, nor it on their seed.
    """

    network: Network
    stops: Stops
    routing: EngineRouting = "argmax"
    max_length: int | None = None
    routing_seed: int = 0

    def run(self, questions: Sequence[Question], decoding: Decoding) -> Iterator[Finished]:
        """The answers of one batch, each as soon as it ends; equal question_ids may not occur.

        A batch too large for the memory is halved and goes on; a question that is too large by
        itself has failed, and the others go on.
        """
        batches = [list(questions)]
        while batches:
            batch, done = batches.pop(0), set[str]()
            try:
                for finished in self._batch(batch, decoding):
                    done.add(finished.question_id)
                    yield finished
            except torch.OutOfMemoryError as error:
                rest = [question for question in batch if question.question_id not in done]
                if len(rest) == 1:
                    yield _failed(rest[0], error)
                    continue
                _log.warning("out of memory with %d questions: halving", len(rest))
                batches[:0] = [rest[: len(rest) // 2], rest[len(rest) // 2 :]]

    def stream(self, question: Question, decoding: Decoding) -> Generator[int, None, Finished]:
        """The ids of one answer as they come; what it returns at the end is what `run` gives.

        But a prompt that `run` would cut has failed: of a conversation that grows, the cut takes
        what was asked last.
        """
        finished: Finished | None = None
        try:
            prompts = self._prompts([question])
            if prompts.embeds.shape[1] == self.max_length:
                return Finished(question.question_id, (), "error", _FULL.format(self.max_length))
            for ((answer, reason),) in self._steps([question], prompts, decoding):
                yield answer.ids[-1]
                if reason is not None:
                    finished = Finished(question.question_id, tuple(answer.ids), reason)
        except torch.OutOfMemoryError as error:
            return _failed(question, error)
        assert finished is not None  # every answer ends, by its length at the latest
        return finished

    def _batch(self, questions: Sequence[Question], decoding: Decoding) -> Iterator[Finished]:
        for step in self._steps(questions, self._prompts(questions), decoding):
            for answer, reason in step:
                if reason is not None:
                    yield Finished(answer.question_id, tuple(answer.ids), reason)

    @torch.inference_mode()
    def _steps(
        self, questions: Sequence[Question], prompts: Spliced, decoding: Decoding
    ) -> Iterator[list[tuple[_Answer, _Reason]]]:
        """Each step's answers, one token longer than before, and why those end that do."""
        live = [_Answer.begin(question, decoding.seed, self.routing_seed) for question in questions]
        noise = self._noise(live, prompts.valid)
        logits, state = prefill(self.network, prompts, self._kind, noise)
        while live:
            tokens = next_tokens(logits, decoding, [answer.draws for answer in live])
            for answer, token in zip(live, tokens.tolist(), strict=True):
                answer.ids.append(token)
            ended = [self._reason(answer, decoding) for answer in live]
            yield list(zip(live, ended, strict=True))
            if any(ended):
                going = [place for place, reason in enumerate(ended) if reason is None]
                live = [live[place] for place in going]
                rows = torch.tensor(going, dtype=torch.int64, device=tokens.device)
                state, tokens = keep(state, rows), tokens[rows]
            if live:
                noise = self._noise(live, torch.ones(len(live), 1, dtype=torch.bool))
                logits, state = decode(self.network, tokens, state, self._kind, noise)

    @property
    def _kind(self) -> RoutingKind:
        return "capacity" if self.routing == "capacity" else "argmax"

    @torch.inference_mode()
    def _prompts(self, questions: Sequence[Question]) -> Spliced:
        """The batch's prompts as vectors, padded on the left; each picture is encoded once."""
        pictures = {picture.key: picture for q in questions for picture in q.pictures}
        features = {}
        if pictures:
            pixels = torch.stack([picture.pixels for picture in pictures.values()])
            features = dict(zip(pictures, self.network.image_features(pixels), strict=True))
        device = self.network.device
        return self.network.join(
            [torch.tensor(question.token_ids, device=device) for question in questions],
            [features[picture.key] for question in questions for picture in question.pictures],
            side="left",
            max_length=self.max_length,
        )

    def _noise(self, live: Sequence[_Answer], valid: torch.Tensor) -> Noise:
        """Each sequence's own Gumbel noise, for (B, T) positions of which `valid` are real."""
        if self.routing != "sampled":
            return None
        valid = valid.cpu()
        noise = {}
        for layer, experts in self.network.decoder.moe_layers().items():
            values = torch.zeros(*valid.shape, experts)  # (B, T, E)
            for row, answer in enumerate(live):
                values[row, valid[row]] = gumbel((int(valid[row].sum()), experts), answer.noise)
            noise[layer] = values.flatten(0, 1).to(self.network.device)  # (B * T, E)
        return noise

    def _reason(self, answer: _Answer, decoding: Decoding) -> _Reason:
        if self.stops(answer.ids, decoding.stop):
            return "stop"
        return "length" if len(answer.ids) >= decoding.max_new_tokens else None


@dataclass(frozen=True, slots=True)
class _Answer:
    """A sequence that is being answered: its ids so far, its own sources of randomness."""

    question_id: str
    ids: list[int]
    draws: torch.Generator
    noise: torch.Generator

    @classmethod
    def begin(cls, question: Question, seed: int, routing_seed: int) -> _Answer:
        name = question.question_id
        tokens = generator_for(seed, name, "tokens")
        return cls(name, [], tokens, generator_for(routing_seed, name, "experts"))


def _failed(question: Question, error: torch.OutOfMemoryError) -> Finished:
    return Finished(question.question_id, (), "error", f"OutOfMemoryError: {error}")
