"""A tiny network with lively weights, and the recorded checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lvlm_eval.models.moe_llava.build import build_random
from lvlm_eval.models.moe_llava.config import (
    DecoderConfig,
    MoEConfig,
    NetworkConfig,
    ProjectorConfig,
    VisionConfig,
)
from lvlm_eval.models.moe_llava.network import Network

MakeNetwork = Callable[[NetworkConfig], Network]


@pytest.fixture
def golden() -> Path:
    """The folder with the recorded checkpoints."""
    return Path(__file__).parents[2] / "data" / "golden" / "moe_llava"


@pytest.fixture
def config() -> NetworkConfig:
    """Four layers, of which 0 and 2 have 4 and 3 experts; 9 patches an image."""
    return NetworkConfig(
        decoder=DecoderConfig(
            vocab_size=60, width=32, mlp_width=48, layers=4, heads=4, kv_heads=4, rotary_width=4
        ),
        vision=VisionConfig(width=16, mlp_width=24, layers=3, heads=2, image_size=12, patch_size=4),
        projector=ProjectorConfig(depth=2, in_width=16, out_width=32),
        moe=MoEConfig(layers=(0, 2), experts=(4, 3), eval_capacity_factor=2.0, min_capacity=0),
    )


@pytest.fixture
def dense(config: NetworkConfig) -> NetworkConfig:
    return replace(config, moe=None)


@pytest.fixture
def make_network() -> MakeNetwork:
    """A function from a config to a seeded network whose layers all matter."""

    def make(config: NetworkConfig) -> Network:
        network = build_random(config, torch.Generator().manual_seed(3))
        generator = torch.Generator().manual_seed(4)
        for parameter in network.parameters():
            parameter.data += torch.randn(parameter.shape, generator=generator) * 0.15
        return network.eval()

    return make


@pytest.fixture
def network(make_network: MakeNetwork, config: NetworkConfig) -> Network:
    return make_network(config)
