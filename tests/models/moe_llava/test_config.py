"""Configurations refuse what cannot be built, naming the value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lvlm_eval.models.moe_llava.config import (
    DecoderConfig,
    MoEConfig,
    NetworkConfig,
    ProjectorConfig,
    VisionConfig,
)

VISION = VisionConfig(
    width=1024, mlp_width=4096, layers=24, heads=16, image_size=336, patch_size=14
)


def test_clip_l_336_gives_576_features_after_23_layers() -> None:
    assert (VISION.used_layers, VISION.positions, VISION.features) == (23, 577, 576)
    assert replace(VISION, select_feature="cls_patch").features == 577


def test_siglip_so400m_384_loses_a_patch_as_the_original_does() -> None:
    siglip = VisionConfig(
        width=1152,
        mlp_width=4304,
        layers=27,
        heads=16,
        image_size=384,
        patch_size=14,
        class_token=False,
    )
    assert (siglip.positions, siglip.features) == (729, 728)


def test_expert_counts_belong_to_their_layers() -> None:
    moe = MoEConfig(layers=(1, 3), experts=(2, 5))
    assert [moe.experts_of(layer) for layer in range(4)] == [0, 2, 0, 5]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(VISION, heads=15), "vision heads 15 must divide width 1024"),
        (lambda: replace(VISION, select_layer=25), "24 layers has no layer 25"),
        (lambda: replace(VISION, patch_size=400), "patches of 400 do not fit"),
        (lambda: MoEConfig((0, 2), (4,)), "names 2 layers, but num_experts has 1 counts"),
        (lambda: MoEConfig((0, 0), (4, 4)), "named twice"),
        (lambda: MoEConfig((0,), (4,), top_k=3), "top_k must be 1 or 2, got 3"),
        (lambda: MoEConfig((0,), (1,)), "top-2 routing with expert counts"),
        (lambda: ProjectorConfig(0, 8, 16), "identity projector needs equal widths"),
    ],
)
def test_impossible_parts_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_parts_must_fit_each_other(config: NetworkConfig) -> None:
    assert config.projector is not None
    with pytest.raises(ValueError, match="gives vectors of 16"):
        replace(config, projector=replace(config.projector, in_width=17))
    with pytest.raises(ValueError, match="gives vectors of 33"):
        replace(config, projector=replace(config.projector, out_width=33))
    with pytest.raises(ValueError, match="needs a projector"):
        replace(config, projector=None)
    with pytest.raises(ValueError, match=r"MoE layers \[9\]"):
        replace(config, moe=MoEConfig((0, 9), (4, 4)))


@pytest.mark.parametrize("rotary", [0, 3, 10])
def test_the_rotated_share_must_be_even_and_within_a_head(
    config: NetworkConfig, rotary: int
) -> None:
    decoder: DecoderConfig = config.decoder
    with pytest.raises(ValueError, match=r"rotary width must be even and in 2\.\.8"):
        replace(decoder, rotary_width=rotary)
