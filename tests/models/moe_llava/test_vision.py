"""The tower against Hugging Face's, weights copied over."""

from __future__ import annotations

import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel, SiglipVisionConfig, SiglipVisionModel

from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.config import (
    DecoderConfig,
    NetworkConfig,
    ProjectorConfig,
    SelectFeature,
)
from lvlm_eval.models.moe_llava.config_file import vision_config
from lvlm_eval.models.moe_llava.convert import tower_table
from lvlm_eval.models.moe_llava.fields import Fields
from lvlm_eval.models.moe_llava.vision import VisionTower

SIZES = {
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "image_size": 21,
    "patch_size": 7,
}
KINDS = {
    "clip_vision_model": (CLIPVisionConfig, CLIPVisionModel),
    "siglip_vision_model": (SiglipVisionConfig, SiglipVisionModel),
}


def both(kind: str, layer: int, feature: SelectFeature) -> tuple[VisionTower, torch.nn.Module]:
    """Our tower with the weights of a random Hugging Face one."""
    torch.manual_seed(1)
    config_class, model_class = KINDS[kind]
    theirs = model_class(config_class(**SIZES, attn_implementation="eager")).eval()
    for parameter in theirs.parameters():
        parameter.data += torch.randn_like(parameter) * 0.1
    fields = Fields({**SIZES, "model_type": kind}, "config.json")
    config = vision_config(fields, layer, feature)
    decoder = DecoderConfig(
        vocab_size=2, width=8, mlp_width=8, layers=1, heads=1, kv_heads=1, rotary_width=2
    )
    network = build_empty(NetworkConfig(decoder, config, ProjectorConfig(1, 24, 8)))
    network = network.to_empty(device="cpu")
    table = tower_table(config.used_layers)
    own = network.state_dict()
    for key, tensor in theirs.state_dict().items():
        key = key if key.startswith("vision_model.") else f"vision_model.{key}"
        name = table.ours(key)
        if name is not None:
            own[name].copy_(tensor)
    assert network.vision is not None
    return network.vision, theirs


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("layer", [-2, -1, 1])
def test_the_selected_layer_equals_hugging_faces(kind: str, layer: int) -> None:
    ours, theirs = both(kind, layer, "cls_patch")
    pixels = torch.randn(3, 3, 21, 21, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = theirs(pixel_values=pixels, output_hidden_states=True).hidden_states[layer]
        got = ours(pixels)
    assert len(ours.blocks) == layer % 5  # layers above do not exist
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "features"), [("clip_vision_model", 9), ("siglip_vision_model", 8)]
)
def test_patch_selection_drops_the_first_row_whatever_it_is(kind: str, features: int) -> None:
    whole, _ = both(kind, -2, "cls_patch")
    patches, _ = both(kind, -2, "patch")
    pixels = torch.randn(1, 3, 21, 21, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        torch.testing.assert_close(patches(pixels), whole(pixels)[:, 1:])
    assert patches(pixels).shape == (1, features, 24)
    assert patches.config.features == features
