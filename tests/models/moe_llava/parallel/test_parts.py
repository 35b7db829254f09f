"""The parts of all ranks are the whole, once; what cannot be cut says what can."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.errors import UsageError
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.config import (
    DecoderConfig,
    MoEConfig,
    NetworkConfig,
    ProjectorConfig,
    VisionConfig,
)
from lvlm_eval.models.moe_llava.parallel.experts import in_turn
from lvlm_eval.models.moe_llava.parallel.parts import Seat, check_divides, key_heads, part_of
from lvlm_eval.placement import Placement

DECODER = DecoderConfig(
    vocab_size=61, width=64, mlp_width=96, layers=3, heads=8, kv_heads=2, rotary_width=4
)
NETWORK = NetworkConfig(
    decoder=replace(DECODER, gated=True),
    vision=VisionConfig(width=16, mlp_width=32, layers=2, heads=4, image_size=8, patch_size=4),
    projector=ProjectorConfig(depth=2, in_width=16, out_width=64),
    moe=MoEConfig(layers=(0, 2), experts=(4, 3), residual=True),
)
PLACEMENTS = [(1, 1), (2, 1), (2, 2), (4, 1), (4, 2), (4, 4), (8, 2), (8, 4)]


@given(sizes=st.sampled_from(PLACEMENTS), tower=st.booleans())
def test_every_number_of_a_parameter_is_somewhere_and_cut_ones_once(
    sizes: tuple[int, int], tower: bool
) -> None:
    placement = Placement(1, *sizes)
    homes = in_turn({0: 4, 2: 3}, placement.ep)
    seats = [Seat(placement, r, homes, tower and placement.tp <= 4) for r in range(placement.tp)]
    for name, parameter in build_empty(NETWORK).named_parameters():
        held = torch.zeros(parameter.shape, dtype=torch.int64)
        for seat in seats:
            part = part_of(name, parameter.shape, seat, NETWORK)
            if part is not None:
                held.narrow(part.axis, part.start, part.size).add_(1)
        copied = _copied(name, placement.tp, seats[0].tower)
        times = {1, placement.tp} if copied is None else {copied}
        assert set(held.flatten().tolist()) <= times, name
        assert held.min() > 0, name


def _copied(name: str, ranks: int, tower: bool) -> int | None:
    """On how many ranks each number of the parameter is."""
    if ".attention.key." in name or ".attention.value." in name:
        return max(1, ranks // 2) if name.startswith("decoder") else (1 if tower else ranks)
    if name.startswith("projector") or "norm" in name or "router" in name or "mixer" in name:
        return ranks
    if name.startswith("vision"):
        return 1 if tower and ".blocks." in name else ranks
    return 1


def test_more_ranks_than_key_heads_share_the_one_that_their_queries_read() -> None:
    assert [key_heads(DECODER, rank, 8) for rank in range(8)] == [(0, 1)] * 4 + [(1, 2)] * 4
    assert [key_heads(DECODER, rank, 2) for rank in range(2)] == [(0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("tp", "ep", "said"),
    [
        (3, 1, r"tp=3,ep=1: 8 attention heads do not divide by 3; .* tp=1 or tp=2 or tp=4 or tp=8"),
        (8, 8, r"4 experts in a layer, so some of 8 groups would hold none; what fits: tp=1 or"),
        (16, 4, r"8 attention heads do not divide by 16; .* or tp=8 or tp=8,ep=4"),
    ],
)
def test_what_does_not_divide_says_what_does(tp: int, ep: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_divides(NETWORK, Placement(1, tp, ep))


def test_experts_may_be_cut_where_dense_layers_could_not() -> None:
    all_layers = MoEConfig(layers=(0, 1, 2), experts=(4, 4, 4))
    odd = replace(NETWORK, decoder=replace(DECODER, mlp_width=98), moe=all_layers)
    check_divides(odd, Placement(1, 4, 2))
    with pytest.raises(UsageError, match="98 channels of an expert do not divide by 4"):
        check_divides(odd, Placement(1, 4, 1))
    with pytest.raises(UsageError, match="98 channels of an MLP do not divide by 4"):
        check_divides(replace(odd, moe=NETWORK.moe), Placement(1, 4, 2))


def test_key_heads_that_neither_divide_nor_are_divided_are_refused() -> None:
    three = NetworkConfig(decoder=replace(DECODER, heads=12, kv_heads=3, width=96))
    with pytest.raises(UsageError, match=r"neither of 3 key heads and 2 ranks .* tp=1 or tp=3"):
        check_divides(three, Placement(1, 2, 1))
