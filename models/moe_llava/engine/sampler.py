"""Logits to the next token: the likeliest, or a seeded draw.

Each sequence draws from a generator of its own, seeded by the run's seed and its question_id,
so what it draws depends on no other sequence. B sequences, V vocabulary, E experts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from lvlm_eval.schema import Decoding


def generator_for(seed: int, question_id: str, purpose: str) -> torch.Generator:
    """A CPU generator that is the same wherever and with whatever the question is asked."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{question_id}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def next_tokens(
    logits: Tensor, decoding: Decoding, generators: Sequence[torch.Generator]
) -> Tensor:
    """Token ids (B,) for logits (B, V), on their device. Temperature 0 is greedy."""
    if decoding.temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = (logits.double().cpu() / decoding.temperature).softmax(dim=-1)
    probabilities = nucleus(probabilities, decoding.top_p)
    draws = [
        torch.multinomial(row, 1, generator=generator)
        for row, generator in zip(probabilities, generators, strict=True)
    ]
    return torch.cat(draws).to(logits.device)


def nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """(B, V) with all but the likeliest tokens set to 0: the fewest whose sum reaches top_p."""
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered  # what the likelier ones sum to
    return torch.zeros_like(probabilities).scatter(-1, order, ordered * (before < top_p))


def gumbel(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise, -log(-log(u))."""
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    tiny = torch.finfo(torch.float64).tiny
    return -(-uniform.clamp(min=tiny).log()).clamp(min=tiny).log().float()
