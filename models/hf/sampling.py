"""What `generate` of transformers is told: which token comes next, and where an answer ends.

B answers, T tokens so far with the prompt's, V vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lvlm_eval.schema import Decoding, Finish


@dataclass(frozen=True, slots=True)
class Answer:
    """The ids of an answer, the one that ended it included, and why it ended."""

    ids: tuple[int, ...]
    reason: Finish


@dataclass
class Ends:
    """A stopping criterion that notes each answer as it ends; the others go on.

    eos: ids that end an answer. text_of: ids to text, for the stop strings of `decoding`.
    """

    prompt_length: int
    eos: frozenset[int]
    decoding: Decoding
    text_of: Callable[[Sequence[int]], str]
    answers: dict[int, Answer] = field(default_factory=dict)

    def __call__(self, ids: Tensor, scores: Tensor, **unused: object) -> Tensor:
        """Whether each of the answers (B, T) is over, (B,)."""
        rows = ids[:, self.prompt_length :].tolist()
        for row, so_far in enumerate(rows):
            reason = None if row in self.answers else self._reason(so_far)
            if reason is not None:
                self.answers[row] = Answer(tuple(so_far), reason)
        return torch.tensor([row in self.answers for row in range(len(rows))], device=ids.device)

    def _reason(self, ids: Sequence[int]) -> Finish | None:
        if ids[-1] in self.eos:
            return "stop"
        stop = self.decoding.stop
        if stop and any(end in self.text_of(ids) for end in stop):
            return "stop"
        return "length" if len(ids) >= self.decoding.max_new_tokens else None


@dataclass
class Draws:
    """A logits processor that leaves only the token drawn: each answer from a generator of its
    own, seeded by the run's seed and its question_id, so that it depends on no other answer."""

    decoding: Decoding
    generators: Sequence[torch.Generator]

    @classmethod
    def of(cls, decoding: Decoding, question_ids: Sequence[str]) -> Draws:
        return cls(decoding, [_generator(decoding.seed, name) for name in question_ids])

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:
        """(B, V), 0 for the token drawn and -inf for all others."""
        probabilities = (logits.double().cpu() / self.decoding.temperature).softmax(dim=-1)
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(dim=-1) - ordered  # what the likelier ones sum to
        ordered = ordered * (before < self.decoding.top_p)
        places = [
            torch.multinomial(row, 1, generator=generator)
            for row, generator in zip(ordered, self.generators, strict=True)
        ]
        tokens = order.gather(-1, torch.stack(places))  # (B, 1)
        return torch.full_like(logits, -torch.inf).scatter(-1, tokens.to(logits.device), 0.0)


@dataclass
class FirstLogits:
    """A logits processor that keeps what it saw first, (B, V), and changes nothing."""

    seen: list[Tensor] = field(default_factory=list)

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:
        if not self.seen:
            self.seen.append(logits.float().cpu())
        return logits


def _generator(seed: int, question_id: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}/tokens/{question_id}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
