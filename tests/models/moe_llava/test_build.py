"""Fresh networks are seeded, shaped by their config, and trainable."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import torch

from lvlm_eval.models.moe_llava.build import build_random, to_dtype
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.moe import MoELayer


def test_the_seed_decides_every_weight(config: NetworkConfig) -> None:
    one, two, other = (
        build_random(config, torch.Generator().manual_seed(seed)).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    differing = {name for name in one if not torch.equal(one[name], other[name])}
    assert differing == {name for name in one if "norm" not in name and not name.endswith("bias")}


def test_norms_are_one_biases_zero_and_routers_uniform(config: NetworkConfig) -> None:
    network = build_random(config, torch.Generator().manual_seed(1))
    state = network.state_dict()
    assert all(not state[name].any() for name in state if name.endswith("bias"))
    assert all((state[name] == 1).all() for name in state if name.endswith("norm.weight"))
    router = state["decoder.blocks.0.mlp.router.weight"]
    assert 0.9 * 32**-0.5 < router.abs().max() <= 32**-0.5
    assert 0.018 < state["decoder.head.weight"].std() < 0.022


def test_layers_with_experts_are_those_of_the_config(config: NetworkConfig) -> None:
    network = build_random(config, torch.Generator().manual_seed(1))
    kinds = [isinstance(block.mlp, MoELayer) for block in network.decoder.blocks]
    assert kinds == [True, False, True, False]
    assert network.decoder.moe_layers() == {0: 4, 2: 3}


def test_routers_stay_fp32_in_any_dtype(config: NetworkConfig) -> None:
    network = to_dtype(build_random(config, torch.Generator().manual_seed(1)), torch.bfloat16)
    wide = {n for n, p in network.named_parameters() if p.dtype == torch.float32}
    assert wide == {f"decoder.blocks.{layer}.mlp.router.weight" for layer in (0, 2)}


def test_a_language_model_alone_has_no_tower(config: NetworkConfig) -> None:
    alone = replace(config, vision=None, projector=None)
    network = build_random(alone, torch.Generator().manual_seed(1))
    assert network.vision is None
    assert network(network.decoder.embedding(torch.tensor([[1, 2]]))).logits.shape == (1, 2, 60)


def test_the_tower_is_not_trained_through_the_network(config: NetworkConfig) -> None:
    network = build_random(config, torch.Generator().manual_seed(1))
    torch.autograd.backward(network.image_features(torch.randn(2, 3, 12, 12)).sum())
    assert network.projector is not None
    assert network.vision is not None
    assert all(p.grad is not None for p in network.projector.parameters())
    assert all(p.grad is None for p in network.vision.parameters())


def test_an_empty_network_draws_nothing_and_keeps_heavy_modules_out() -> None:
    code = (
        "import sys\n"
        "from lvlm_eval.models.moe_llava.build import build_empty\n"
        "from lvlm_eval.models.moe_llava.config import DecoderConfig, NetworkConfig\n"
        "network = build_empty(NetworkConfig(DecoderConfig(9, 8, 4, 2, 2, 2, 2)))\n"
        "assert all(p.is_meta for p in network.parameters())\n"
        "assert 'sympy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
