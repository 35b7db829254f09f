"""Experts multiplied together are the experts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lvlm_eval.models.moe_llava.config import DecoderConfig, MoEConfig
from lvlm_eval.models.moe_llava.grouped import grouped, serves
from lvlm_eval.models.moe_llava.layers import MLP
from lvlm_eval.models.moe_llava.moe import ARGMAX, MoELayer

DECODER = DecoderConfig(
    vocab_size=9, width=32, mlp_width=48, layers=1, heads=4, kv_heads=4, rotary_width=4
)


def layer(decoder: DecoderConfig, moe: MoEConfig) -> MoELayer:
    torch.manual_seed(1)
    return MoELayer(decoder, moe, 0).eval()


@pytest.mark.parametrize("gated", [False, True], ids=["plain", "gated"])
@pytest.mark.parametrize("bias", [False, True], ids=["without bias", "bias"])
@pytest.mark.parametrize("top_k", [1, 2])
@pytest.mark.parametrize("residual", [False, True], ids=["experts", "residual"])
@torch.inference_mode()
def test_a_layer_computes_the_same(gated: bool, bias: bool, top_k: int, residual: bool) -> None:
    decoder = replace(DECODER, gated=gated, mlp_bias=bias)
    one = layer(decoder, MoEConfig((0,), (5,), top_k=top_k, residual=residual))
    for tokens in (1, 3, 40):
        x = torch.randn(2, tokens, 32)
        expected, _ = one(x, ARGMAX)
        one.group()
        assert one.grouped is not None
        torch.testing.assert_close(one(x, ARGMAX)[0], expected, atol=1e-6, rtol=1e-5)
        one.grouped = None


@torch.inference_mode()
def test_experts_without_a_token_are_no_trouble() -> None:
    one = layer(DECODER, MoEConfig((0,), (6,)))
    one.router.weight[2:] = 0
    one.router.weight[:2] = 10
    x = torch.rand(4, 8, 32)
    expected, stats = one(x, ARGMAX)
    assert set(stats.choices.flatten().tolist()) == {0, 1}
    one.group()
    torch.testing.assert_close(one(x, ARGMAX)[0], expected, atol=1e-6, rtol=1e-5)


def test_the_experts_own_weights_become_views_and_are_not_kept_twice() -> None:
    one = layer(DECODER, MoEConfig((0,), (4,)))
    before = {name: value.clone() for name, value in one.state_dict().items()}
    one.group()
    assert one.grouped is not None
    for name, value in one.state_dict().items():
        assert torch.equal(value, before[name])
    ups = [value for name, value in one.state_dict().items() if name.endswith("up.weight")]
    assert len(ups) == 4
    storages = {value.untyped_storage().data_ptr() for value in ups}
    assert storages == {one.grouped.up.weight.untyped_storage().data_ptr()}


def test_layers_that_are_not_plain_stay_by_themselves() -> None:
    class Other(torch.nn.Linear):
        """As a quantised or tiled layer is."""

    one = layer(DECODER, MoEConfig((0,), (4,)))
    expert = one.experts[3]
    assert isinstance(expert, MLP)
    expert.down = Other(48, 32)
    assert grouped([expert]) is None
    one.group()
    assert one.grouped is None


def test_only_devices_that_multiply_in_groups_are_asked_to() -> None:
    assert not serves(torch.device("cpu"), torch.bfloat16)


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "grouped"])
@torch.inference_mode()
def test_parts_of_the_experts_add_up_to_all_of_them(together: bool) -> None:
    whole = layer(DECODER, MoEConfig((0,), (5,)))
    x = torch.randn(2, 20, 32)
    expected, _ = whole(x, ARGMAX)
    total = torch.zeros_like(x)
    for held in ((3, 0), (), (1, 2, 4)):
        part = layer(DECODER, MoEConfig((0,), (5,)))
        part.experts = torch.nn.ModuleList(part.experts[expert] for expert in held)
        places = [held.index(expert) if expert in held else len(held) for expert in range(5)]
        part.places = torch.tensor(places)
        if together:
            part.group()
        total += part(x, ARGMAX)[0]
    torch.testing.assert_close(total, expected, atol=1e-6, rtol=1e-5)
