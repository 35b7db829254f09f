"""Routing by hand, by property, and against each other: drop-free, capacity, dense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.models.moe_llava.config import DecoderConfig, MoEConfig, NetworkConfig
from lvlm_eval.models.moe_llava.moe import (
    MoELayer,
    RouterStats,
    Routing,
    capacity,
    keep_within,
)
from lvlm_eval.models.moe_llava.network import Network

DECODER = DecoderConfig(
    vocab_size=10, width=6, mlp_width=8, layers=1, heads=1, kv_heads=1, rotary_width=2
)
CAPACITY = Routing("capacity")


def layer_of(**changes: object) -> MoELayer:
    torch.manual_seed(0)
    moe = replace(MoEConfig(layers=(0,), experts=(3,)), **changes)  # type: ignore[arg-type]
    return MoELayer(DECODER, moe, 0).eval()


def stats_of(logits: list[list[float]], layer: MoELayer, routing: Routing) -> RouterStats:
    """What the layer's router decides for these logits: tokens are the logits themselves."""
    eye = torch.zeros(layer.router.weight.shape)
    eye[:, : len(logits[0])] = torch.eye(len(logits[0]))
    layer.router.weight.data = eye
    tokens = torch.zeros(len(logits), DECODER.width)
    tokens[:, : len(logits[0])] = torch.tensor(logits)
    stats: RouterStats = layer.router(tokens, routing)
    return stats


def test_the_two_likeliest_experts_share_the_weight() -> None:
    stats = stats_of([[2.0, 0.0, 1.0], [0.0, 3.0, -1.0]], layer_of(), Routing())
    assert stats.choices.tolist() == [[0, 2], [1, 0]]
    # softmax over the two chosen logits alone: 1 / (1 + e^-1), 1 / (1 + e^-3)
    expected = torch.tensor([[0.7311, 0.0, 0.2689], [0.0474, 0.9526, 0.0]])
    torch.testing.assert_close(stats.combine, expected, atol=1e-4, rtol=0)
    assert stats.counts.tolist() == [1, 1, 0]
    torch.testing.assert_close(stats.load, torch.tensor([1.0, 0.5, 0.5]))


def test_one_expert_keeps_its_raw_probability() -> None:
    stats = stats_of([[2.0, 0.0, 1.0]], layer_of(top_k=1), Routing())
    assert stats.choices.tolist() == [[0]]
    assert stats.weights.item() == pytest.approx(0.6652, abs=1e-4)  # e^2 / (e^2 + 1 + e)


def test_the_balancing_loss_is_one_where_all_is_even_and_counts_first_choices() -> None:
    even = stats_of([[9.0, 0, 0], [0, 9.0, 0], [0, 0, 9.0]], layer_of(), Routing())
    assert even.aux_loss.item() == pytest.approx(1.0)
    # p = (.6652, .0900, .2447) twice; all first choices are expert 0: 3 * .6652
    skewed = stats_of([[2.0, 0.0, 1.0]] * 2, layer_of(), Routing())
    assert skewed.aux_loss.item() == pytest.approx(3 * 0.66524, abs=1e-4)


def test_second_choices_take_slots_after_all_first_ones_even_dropped_ones() -> None:
    # capacity 2 = ceil(4 / 3 * 2 * 0.75). First: 0, 0, 0, 1; second: 1, 2, 1, 0.
    layer = layer_of(eval_capacity_factor=0.75, min_capacity=0)
    logits = [[5.0, 4, 0], [5.0, 0, 4], [5.0, 4, 0], [4.0, 5, 0]]
    stats = stats_of(logits, layer, CAPACITY)
    assert stats.capacity == 2
    assert stats.kept.tolist() == [[True, True], [True, True], [False, False], [True, False]]
    assert stats.dropped.item() == 2
    # a token with one survivor gives it all the weight, one with none gets nothing
    assert stats.combine[3].tolist() == [0.0, 1.0, 0.0]
    assert stats.combine[2].tolist() == [0.0, 0.0, 0.0]
    assert stats.counts.tolist() == [3, 1, 0]  # before dropping


def test_a_token_whose_choices_are_dropped_gets_nothing() -> None:
    layer = layer_of(eval_capacity_factor=0.75, min_capacity=0)
    stats_of([[1.0, 0, 0]], layer, CAPACITY)
    tokens = torch.tensor([[5.0, 4, 0, 0, 0, 0]] * 4)
    out, stats = layer(tokens[None], CAPACITY)
    assert stats.kept.tolist() == [[True, True], [True, True], [False, False], [False, False]]
    assert out[0, 2:].abs().max() == 0
    assert out[0, :2].abs().min() > 0


def test_capacity_is_a_rounded_up_share_with_a_minimum() -> None:
    assert capacity(67, 4, 4.0, 0) == 67
    assert capacity(67, 4, 1.5, 4) == 26
    assert capacity(1, 4, 1.5, 4) == 4
    assert capacity(15, 4, 2 * 1.2, 0) == 9  # 9.0 is whole already


def test_training_uses_its_own_capacity_factor() -> None:
    layer = layer_of(capacity_factor=0.5, eval_capacity_factor=3.0, min_capacity=0)
    logits = [[3.0, 2.0, 1.0]] * 6
    assert stats_of(logits, layer, CAPACITY).capacity == 12
    assert stats_of(logits, layer.train(), CAPACITY).capacity == 2


def test_noise_moves_the_second_choice_and_no_weight() -> None:
    layer = layer_of()
    noise = {0: torch.tensor([[100.0, 50.0, 0.0]])}
    quiet = stats_of([[2.0, 0.0, 1.0]], layer, Routing())
    noisy = stats_of([[2.0, 0.0, 1.0]], layer, Routing(noise=noise))
    assert quiet.choices.tolist() == [[0, 2]]
    assert noisy.choices.tolist() == [[0, 1]]
    assert noisy.weights[0, 0].item() == pytest.approx(0.8808, abs=1e-4)  # e^2 / (e^2 + e^0)


def test_a_generator_decides_who_survives_top_1_overflow() -> None:
    choices = torch.zeros(40, 1, dtype=torch.int64)
    first = keep_within(choices, 2, 10, None)
    assert first.flatten().tolist() == [True] * 10 + [False] * 30
    drawn = keep_within(choices, 2, 10, torch.Generator().manual_seed(1))
    assert drawn.sum() == 10
    assert drawn.tolist() != first.tolist()


@settings(deadline=None)
@given(st.data())
def test_no_expert_serves_more_than_its_slots_and_none_is_left_empty(data: st.DataObject) -> None:
    tokens = data.draw(st.integers(1, 20))
    limit = data.draw(st.integers(1, 20))
    pairs = st.tuples(st.integers(0, 3), st.integers(1, 3)).map(lambda p: (p[0], (p[0] + p[1]) % 4))
    choices = torch.tensor(data.draw(st.lists(pairs, min_size=tokens, max_size=tokens)))
    kept = keep_within(choices, 4, limit, None)
    wanted = choices.flatten().bincount(minlength=4)
    served = choices[kept].bincount(minlength=4)
    assert served.tolist() == wanted.clamp(max=limit).tolist()


@pytest.mark.parametrize("top_k", [1, 2])
@pytest.mark.parametrize("residual", [False, True])
def test_ample_capacity_equals_drop_free(top_k: int, residual: bool) -> None:
    layer = layer_of(top_k=top_k, residual=residual, eval_capacity_factor=3.0)
    x = torch.randn(2, 7, DECODER.width, generator=torch.Generator().manual_seed(5))
    free, _ = layer(x, Routing())
    limited, stats = layer(x, CAPACITY)
    assert stats.dropped == 0
    torch.testing.assert_close(free, limited)


def test_the_grouped_sum_equals_the_sum_over_all_experts() -> None:
    layer = layer_of()
    x = torch.randn(11, DECODER.width, generator=torch.Generator().manual_seed(6))
    out, stats = layer(x[None], Routing())
    every = torch.stack([expert(x) for expert in layer.experts], dim=1)  # (N, E, D)
    torch.testing.assert_close(out[0], (every * stats.combine[..., None]).sum(dim=1))


def test_a_tokens_result_does_not_depend_on_the_others() -> None:
    layer = layer_of()
    x = torch.randn(1, 9, DECODER.width, generator=torch.Generator().manual_seed(7))
    whole, _ = layer(x, Routing())
    alone = torch.cat([layer(x[:, n : n + 1], Routing())[0] for n in range(9)], dim=1)
    torch.testing.assert_close(whole, alone)


def test_the_residual_branch_is_mixed_in_by_the_mixers_shares() -> None:
    layer = layer_of(residual=True)
    assert layer.mixer is not None
    assert layer.shared is not None
    layer.mixer.weight.data.zero_()
    layer.mixer.bias.data = torch.tensor([0.0, 1.0])  # shares 0.2689 and 0.7311
    x = torch.randn(1, 3, DECODER.width, generator=torch.Generator().manual_seed(8))
    out, _ = layer(x, Routing())
    layer_without = layer_of(residual=True)
    layer_without.mixer = None
    experts_only, _ = layer_without(x, Routing())
    expected = 0.268941 * experts_only + 0.731059 * layer.shared(x)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)


def test_identical_experts_equal_the_dense_layer(
    config: NetworkConfig, dense: NetworkConfig, make_network: Callable[[NetworkConfig], Network]
) -> None:
    plain, routed = make_network(dense), make_network(config)
    state = plain.state_dict()
    for name in routed.state_dict():
        source = name
        if ".experts." in name:
            before, after = name.split(".experts.")
            source = before + after[after.index(".") :]
        if source in state:
            routed.state_dict()[name].copy_(state[source])
    embeds = torch.randn(2, 6, 32, generator=torch.Generator().manual_seed(9))
    torch.testing.assert_close(routed(embeds).logits, plain(embeds).logits, atol=1e-5, rtol=1e-5)


def test_gradients_reach_the_router_and_every_expert_that_served(
    network: Network,
) -> None:
    embeds = torch.randn(2, 40, 32, generator=torch.Generator().manual_seed(10))
    output = network(embeds)
    loss = output.logits.square().mean() + sum(stats.aux_loss for stats in output.stats)
    torch.autograd.backward(loss)
    moe = network.decoder.blocks[2].mlp
    assert isinstance(moe, MoELayer)
    assert moe.router.weight.grad is not None
    assert moe.router.weight.grad.abs().sum() > 0
    served = output.stats[1].load > 0
    for number, has_served in enumerate(served.tolist()):
        grad = moe.experts.get_parameter(f"{number}.up.weight").grad
        assert (grad is not None and bool(grad.abs().sum() > 0)) == has_served


def test_the_router_computes_in_fp32_in_a_half_precision_network() -> None:
    layer = layer_of()
    weight = layer.router.weight.data.clone()
    layer.router.weight.data = weight.bfloat16()
    tokens = torch.randn(4, DECODER.width, generator=torch.Generator().manual_seed(1)).bfloat16()
    stats = layer.router(tokens, Routing())
    assert stats.logits.dtype == torch.float32
    torch.testing.assert_close(stats.logits, tokens.float() @ weight.bfloat16().float().t())
