"""The tower against Hugging Face's: weights copied over, and folders that it saved itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    PreTrainedModel,
    SiglipConfig,
    SiglipModel,
    SiglipTextConfig,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
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
@pytest.mark.parametrize("layer", [-2, -1, 0, 1, 4])
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


LARGER = {
    "hidden_size": 32,  # what the recorded checkpoint's projector takes
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 56,
    "patch_size": 14,
}
TEXT = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "vocab_size": 9}
SAVED: dict[str, Callable[[], PreTrainedModel]] = {
    "CLIP whole": lambda: CLIPModel(
        CLIPConfig(
            text_config=CLIPTextConfig(**TEXT, num_attention_heads=2, eos_token_id=1),
            vision_config=CLIPVisionConfig(**LARGER),
        )
    ),
    "CLIP's vision half": lambda: CLIPVisionModel(CLIPVisionConfig(**LARGER)),
    "CLIP's vision half with projection": lambda: CLIPVisionModelWithProjection(
        CLIPVisionConfig(**LARGER)
    ),
    "CLIP of LAION, plain GELU": lambda: CLIPVisionModel(
        CLIPVisionConfig(**LARGER, hidden_act="gelu", layer_norm_eps=1e-3)
    ),
    "SigLIP whole": lambda: SiglipModel(
        SiglipConfig(
            text_config=SiglipTextConfig(**TEXT, num_attention_heads=2),
            vision_config=SiglipVisionConfig(**LARGER),
        )
    ),
    "SigLIP's vision half": lambda: SiglipVisionModel(SiglipVisionConfig(**LARGER)),
}


def with_tower(golden: Path, folder: Path, model: PreTrainedModel, **changes: object) -> Path:
    """The recorded checkpoint with this tower in its folder and other values in config.json."""
    shutil.copytree(golden / "phi", folder)
    tower = next(folder.glob("towers/*/*"))
    (tower / "pytorch_model.bin").unlink()
    model.save_pretrained(tower)
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | changes))
    return folder


def hidden_state(model: PreTrainedModel, pixels: Tensor, layer: int) -> Tensor:
    half = getattr(model, "vision_model", model)
    state: Tensor = half(pixel_values=pixels, output_hidden_states=True).hidden_states[layer]
    return state


@pytest.mark.parametrize("kind", list(SAVED))
@pytest.mark.parametrize("layer", [-2, 1])
def test_folders_that_transformers_saved_give_its_features(
    golden: Path, tmp_path: Path, kind: str, layer: int
) -> None:
    torch.manual_seed(11)
    theirs = SAVED[kind]().eval()
    for parameter in theirs.parameters():
        parameter.data += torch.randn_like(parameter) * 0.05
    changes = {"mm_vision_select_layer": layer, "mm_vision_select_feature": "cls_patch"}
    folder = with_tower(golden, tmp_path / "phi", theirs, **changes)
    network = open_checkpoint(str(folder)).load(412, torch.float32)
    assert network.vision is not None
    pixels = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(12))
    with torch.no_grad():
        expected, got = hidden_state(theirs, pixels, layer), network.vision(pixels)
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-5)


def test_old_bin_files_with_position_ids_are_read(golden: Path, tmp_path: Path) -> None:
    torch.manual_seed(13)
    theirs = SAVED["CLIP whole"]().eval()
    folder = with_tower(golden, tmp_path / "phi", theirs)
    tower = next(folder.glob("towers/*/*"))
    (tower / "model.safetensors").unlink()
    numbers = torch.arange(17)[None]
    keys = [f"{half}_model.embeddings.position_ids" for half in ("vision", "text")]
    torch.save({**theirs.state_dict(), **dict.fromkeys(keys, numbers)}, tower / "pytorch_model.bin")
    network = open_checkpoint(str(folder)).load(412, torch.float32)
    assert network.vision is not None
    pixels = torch.randn(1, 3, 56, 56, generator=torch.Generator().manual_seed(14))
    with torch.no_grad():
        expected, got = hidden_state(theirs, pixels, -2), network.vision(pixels)
    torch.testing.assert_close(got, expected[:, 1:], atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["siglip2_vision_model", "clip_text_model", "clipseg"])
def test_relatives_of_the_towers_are_refused(kind: str) -> None:
    fields = Fields({**LARGER, "model_type": kind}, "config.json")
    with pytest.raises(CheckpointError, match=f"model_type '{kind}' is not known; there are clip"):
        vision_config(fields, -2, "patch")
