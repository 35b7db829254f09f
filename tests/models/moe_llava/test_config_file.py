"""config.json to values and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.backbones import FAMILIES, Family
from lvlm_eval.models.moe_llava.config import MoEConfig, NetworkConfig
from lvlm_eval.models.moe_llava.config_file import (
    InputConfig,
    config_json,
    read_config,
    vision_config,
)
from lvlm_eval.models.moe_llava.decoder_file import decoder_config
from lvlm_eval.models.moe_llava.fields import Fields, read_json
from lvlm_eval.schema import JSON


def changed(golden: Path, **changes: JSON) -> Fields:
    """The recorded phi's config.json with other values."""
    values = json.loads((golden / "phi" / "config.json").read_text())
    return Fields({**values, **changes}, "config.json")


def test_a_saved_moe_checkpoint_is_read_from_its_lists(golden: Path) -> None:
    config = read_config(read_json(golden / "phi" / "config.json"))
    assert config.moe == MoEConfig(
        layers=(0, 2),
        experts=(4, 4),
        top_k=2,
        capacity_factor=1.5,
        eval_capacity_factor=2.0,
        min_capacity=0,
    )
    assert config.decoder.rotary_width == 6  # int(0.4 * 16)
    assert config.inputs == InputConfig("openai/clip-vit-large-patch14-336", "pad", "right")
    assert (config.projector_kind, config.select_layer) == ("mlp2x_gelu", -2)


def test_a_dense_checkpoint_has_no_experts(golden: Path) -> None:
    assert read_config(read_json(golden / "phi_dense" / "config.json")).moe is None


def test_llava_15s_names_are_understood(golden: Path) -> None:
    fields = changed(
        golden,
        mm_image_tower=None,
        image_projector_type=None,
        mm_vision_tower="openai/other",
        mm_projector_type="linear",
        tokenizer_model_max_length=2048,
    )
    config = read_config(fields)
    assert (config.inputs.tower, config.projector_kind) == ("openai/other", "linear")
    assert config.inputs.max_length == 2048


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "moe_llava_mamba"}, "model_type 'moe_llava_mamba' is none of"),
        ({"qk_layernorm": True}, "'qk_layernorm' is True; the arithmetic of that is not known"),
        ({"model_type": "moe_llava_qwen"}, "'no_bias' is None"),
        ({"kv_channels": 8}, "kv_channels times num_attention_heads"),
        ({"hidden_size": "64"}, "'hidden_size' must be an integer; got \"64\""),
        ({"hidden_size": None}, "'hidden_size' must be an integer; it is missing"),
        ({"hidden_act": "swish"}, "hidden_act 'swish'"),
        ({"image_projector_type": "honeybee"}, "projector 'honeybee' is none of"),
        ({"num_attention_heads": 5}, "heads 5 must divide width 64"),
        ({"moe": {"moe_layers_idx": [0]}}, "'num_experts' must be a list of integers"),
        (
            {"moe": {"moe_layers_idx": [0, 1], "num_experts": [4, 4, 4]}},
            "moe_layers_idx names 2 layers, but num_experts has 3 counts",
        ),
        ({"mm_vision_select_feature": "cls"}, "mm_vision_select_feature 'cls'"),
        ({"image_aspect_ratio": "anyres_max_9"}, "'anyres_max_9' cuts pictures into tiles"),
        ({"tokenizer_padding_side": "top"}, "tokenizer_padding_side 'top'"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(
    golden: Path, changes: dict[str, JSON], message: str
) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json.*" + message):
        read_config(changed(golden, **changes))


def test_a_missing_or_broken_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        read_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(CheckpointError, match="must hold a JSON object"):
        read_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read as JSON"):
        read_json(tmp_path / "config.json")


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
@pytest.mark.parametrize("has_experts", [True, False])
def test_writing_and_reading_back_changes_nothing(
    config: NetworkConfig, family: Family, has_experts: bool
) -> None:
    inputs = InputConfig("openai/tiny", "pad", "right", 77, start_end=True)
    read_as = decoder_config(Fields(config_json(config, family, inputs), "config.json"), family)
    written = replace(config, decoder=read_as, moe=config.moe if has_experts else None)
    fields = Fields(json.loads(json.dumps(config_json(written, family, inputs))), "config.json")
    read = read_config(fields)
    assert read.inputs == inputs
    assert read.decoder == written.decoder
    assert read.moe == written.moe
    tower = Fields(
        {
            "model_type": "clip_vision_model",
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "image_size": 12,
            "patch_size": 4,
        },
        "tower",
    )
    assert read.network(tower, written.decoder.vocab_size) == written
    assert read.network(None, 9).decoder.vocab_size == 9


def test_a_tower_of_another_kind_is_refused() -> None:
    with pytest.raises(CheckpointError, match="model_type 'dinov2' is not known"):
        vision_config(Fields({"model_type": "dinov2"}, "tower"), -2, "patch")


def test_fields_left_out_of_a_tower_have_hugging_faces_defaults() -> None:
    from transformers import CLIPVisionConfig, SiglipVisionConfig

    for kind, theirs in (("clip", CLIPVisionConfig()), ("siglip", SiglipVisionConfig())):
        ours = vision_config(Fields({"model_type": kind, "vision_config": {}}, "x"), -2, "patch")
        assert (ours.width, ours.mlp_width) == (theirs.hidden_size, theirs.intermediate_size)
        assert (ours.layers, ours.heads) == (theirs.num_hidden_layers, theirs.num_attention_heads)
        assert (ours.image_size, ours.patch_size) == (theirs.image_size, theirs.patch_size)
        assert ours.norm_eps == theirs.layer_norm_eps
