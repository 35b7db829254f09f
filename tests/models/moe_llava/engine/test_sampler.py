"""Drawing tokens."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.models.moe_llava.engine.sampler import (
    generator_for,
    gumbel,
    next_tokens,
    nucleus,
)
from lvlm_eval.schema import Decoding

LOGITS = torch.tensor([[0.0, 3.0, 1.0], [2.0, 0.0, 1.9]])


def test_temperature_zero_takes_the_likeliest() -> None:
    assert next_tokens(LOGITS, Decoding(), []).tolist() == [1, 0]


def test_draws_follow_the_tempered_probabilities() -> None:
    rows = torch.tensor([[0.0, 2.0]]).expand(4000, -1)
    generators = [generator_for(1, str(n), "tokens") for n in range(4000)]
    drawn = next_tokens(rows, Decoding(temperature=2.0), generators)
    assert drawn.double().mean().item() == pytest.approx(0.7311, abs=0.02)  # 1 / (1 + e^-1)


def test_the_nucleus_is_the_fewest_tokens_that_reach_top_p() -> None:
    probabilities = torch.tensor([[0.2, 0.5, 0.3]])
    assert nucleus(probabilities, 0.5).tolist() == [[0.0, 0.5, 0.0]]
    kept = nucleus(probabilities, 0.6)[0]
    assert (kept > 0).tolist() == [False, True, True]
    assert (nucleus(probabilities, 1.0) > 0).all()


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=12), st.floats(0.01, 1))
def test_the_nucleus_always_keeps_the_likeliest_and_enough(
    logits: list[float], top_p: float
) -> None:
    probabilities = torch.tensor([logits], dtype=torch.float64).softmax(dim=-1)
    kept = nucleus(probabilities, top_p)
    assert kept.max() == probabilities.max()
    assert kept.sum() >= min(top_p, 1) - 1e-9
    smallest = kept[kept > 0].min()
    assert kept.sum() - smallest < top_p + 1e-9


def test_generators_differ_by_seed_question_and_purpose() -> None:
    def first(seed: int, question: str, purpose: str) -> float:
        return torch.rand(1, generator=generator_for(seed, question, purpose)).item()

    values = {first(0, "q1", "t"), first(1, "q1", "t"), first(0, "q2", "t"), first(0, "q1", "e")}
    assert len(values) == 4
    assert first(0, "q1", "t") in values


def test_gumbel_noise_makes_the_argmax_a_draw_from_the_softmax() -> None:
    noise = gumbel((20000, 3), torch.Generator().manual_seed(2))
    assert noise.isfinite().all()
    shares = (LOGITS[1] + noise).argmax(dim=-1).bincount(minlength=3) / 20000
    torch.testing.assert_close(shares, LOGITS[1].softmax(dim=-1), atol=0.015, rtol=0)
