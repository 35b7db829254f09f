"""Rotation beyond the trained length, against the formulas written out number by number."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lvlm_eval.models.moe_llava.config import DecoderConfig
from lvlm_eval.models.moe_llava.long_context import LongContext
from lvlm_eval.models.moe_llava.rotary import Rotation, rotate, rotation

CONFIG = DecoderConfig(
    vocab_size=9, width=16, mlp_width=8, layers=1, heads=2, kv_heads=2, rotary_width=8
)
LENGTHS = torch.tensor([5])


def angles_of(found: Rotation) -> Tensor:
    """(T, R/2) of the first sequence."""
    return torch.atan2(found.sines, found.cosines)[0, 0, :, :4]


def by_hand(positions: list[int], base: float) -> Tensor:
    rows = [[position / base ** (2 * n / 8) for n in range(4)] for position in positions]
    return torch.tensor([[math.remainder(angle, 2 * math.pi) for angle in row] for row in rows])


@pytest.mark.parametrize(("prompt", "growth"), [(7, 1), (8, 1), (9, 3), (16, 3), (17, 7), (33, 15)])
def test_qwens_base_grows_in_doublings_of_the_prompt(prompt: int, growth: int) -> None:
    config = replace(CONFIG, long=LongContext("doubling", trained=8))
    positions = torch.tensor([[0, 1, 6, prompt + 30]])  # a token decoded long after the prompt
    found = rotation(positions, config, torch.tensor([prompt]))
    expected = by_hand(positions[0].tolist(), 10000.0 * growth ** (8 / 6))
    torch.testing.assert_close(angles_of(found), expected, atol=2e-5, rtol=0)


def test_sequences_of_a_batch_have_bases_of_their_own() -> None:
    config = replace(CONFIG, long=LongContext("doubling", trained=8))
    positions = torch.tensor([[3], [3]])
    both = rotation(positions, config, torch.tensor([20, 5]))
    for row, length in enumerate((20, 5)):
        alone = rotation(positions[:1], config, torch.tensor([length]))
        assert torch.equal(both.cosines[row], alone.cosines[0])
    assert not torch.equal(both.cosines[0], both.cosines[1])


def test_llamas_dynamic_base_grows_with_every_token() -> None:
    config = replace(CONFIG, long=LongContext("dynamic", factor=2.0, trained=8))
    for position in (3, 7, 8, 20):
        length = max(position + 1, 8)
        expected = by_hand([position], 10000.0 * (2 * length / 8 - 1) ** (8 / 6))
        found = rotation(torch.tensor([[position]]), config, LENGTHS)
        torch.testing.assert_close(angles_of(found), expected, atol=1e-5, rtol=0)


def test_linear_scaling_divides_positions() -> None:
    config = replace(CONFIG, long=LongContext("linear", factor=4.0))
    scaled = rotation(torch.tensor([[4, 12]]), config, LENGTHS)
    plain = rotation(torch.tensor([[1, 3]]), CONFIG, LENGTHS)
    torch.testing.assert_close(scaled.cosines, plain.cosines)


def test_qwens_queries_grow_by_the_logarithm_of_their_position() -> None:
    config = replace(CONFIG, long=LongContext(trained=8, log_queries=True))
    found = rotation(torch.tensor([[0, 6, 7, 8, 63]]), config, LENGTHS).query_scale
    assert found is not None
    # 1-based positions 1, 7, 8, 9 and 64; the last is 8 squared
    assert found[0, 0, :, 0].tolist() == pytest.approx([1, 1, 1, math.log(9, 8), 2.0])


def test_only_the_first_channels_turn_and_their_length_stays() -> None:
    config = replace(CONFIG, rotary_width=4)
    x = torch.randn(1, 2, 3, 8, generator=torch.Generator().manual_seed(0))
    turned = rotate(x, rotation(torch.tensor([[0, 1, 2]]), config, LENGTHS))
    assert torch.equal(turned[..., 4:], x[..., 4:])
    assert torch.equal(turned[:, :, 0], x[:, :, 0])
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scaling": "linear", "factor": 0.5}, "factor must be at least 1, got 0.5"),
        ({"scaling": "dynamic", "factor": 2.0}, "the length trained on, got 0"),
        ({"window": 0}, "a window of attention must hold a key, got 0"),
    ],
)
def test_impossible_scalings_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LongContext(**values)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rotary width above 2"):
        replace(CONFIG, rotary_width=2, long=LongContext("doubling", trained=8))
