"""transformers' config.json: its class defaults, its names, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from transformers import AutoConfig, LlavaConfig

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.config_file import read_config
from lvlm_eval.models.moe_llava.fields import Fields
from lvlm_eval.models.moe_llava.transformers_config import (
    TEXT_MODELS,
    original_fields,
    tower_fields,
)
from lvlm_eval.schema import JSON

# As llava-hf/llava-1.5-7b-hf has it: what equals its class's default is left out.
PUBLISHED: Mapping[str, JSON] = {
    "model_type": "llava",
    "image_token_index": 32000,
    "projector_hidden_act": "gelu",
    "text_config": {
        "max_position_embeddings": 4096,
        "model_type": "llama",
        "rms_norm_eps": 1e-05,
        "vocab_size": 32064,
    },
    "vision_config": {
        "hidden_size": 1024,
        "image_size": 336,
        "intermediate_size": 4096,
        "model_type": "clip_vision_model",
        "num_attention_heads": 16,
        "num_hidden_layers": 24,
        "patch_size": 14,
    },
    "vision_feature_layer": -2,
    "vision_feature_select_strategy": "default",
}


def changed(**values: JSON) -> Fields:
    return Fields({**PUBLISHED, **values}, "config.json")


def test_a_published_file_with_its_many_omissions_is_a_vicuna_with_a_clip() -> None:
    config = read_config(changed())
    decoder = config.decoder
    assert (decoder.vocab_size, decoder.width, decoder.mlp_width) == (32064, 4096, 11008)
    assert (decoder.layers, decoder.heads, decoder.norm_eps) == (32, 32, 1e-5)
    assert (config.family.name, config.layout, config.projector_kind) == (
        "llama", "transformers", "mlp2x_gelu",
    )  # fmt: skip
    network = config.network(config.own_tower, 32002)
    assert network.vision is not None
    assert (network.vision.features, network.vision.used_layers) == (576, 23)


@pytest.mark.parametrize("kind", TEXT_MODELS)
def test_left_out_fields_have_the_defaults_of_transformers_own_classes(kind: str) -> None:
    fields = changed(text_config={"model_type": kind})
    values, own = original_fields(fields).values, AutoConfig.for_model(kind).to_dict()
    own |= own.get("rope_parameters") or {}
    model = TEXT_MODELS[kind]
    for key in model.defaults:
        assert values[model.renamed.get(key, key)] == own[key], key


def test_without_a_vision_config_it_is_the_clip_that_transformers_takes() -> None:
    values = {key: value for key, value in PUBLISHED.items() if key != "vision_config"}
    own = LlavaConfig().vision_config.to_dict()
    for key, value in tower_fields(Fields(values, "config.json")).values.items():
        assert value == own[key], key


def test_rotary_parameters_of_transformers_5_become_the_old_fields() -> None:
    rotary: JSON = {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5}
    values = original_fields(
        changed(text_config={"model_type": "stablelm", "rope_parameters": rotary})
    ).values
    assert values["rope_theta"] == 5e5
    assert values["rope_scaling"] == {"type": "linear", "factor": 2.0}
    assert values["rope_pct"] == 0.25
    rotary = {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.4}
    values = original_fields(
        changed(text_config={"model_type": "phi", "rope_parameters": rotary})
    ).values
    assert values["partial_rotary_factor"] == 0.4
    assert "rope_scaling" not in values


def test_one_feature_layer_may_be_a_list() -> None:
    assert original_fields(changed(vision_feature_layer=[-3])).values["mm_vision_select_layer"] == (
        -3
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text_config": {"model_type": "gemma"}}, "'gemma' is none of llama, mistral"),
        ({"vision_feature_layer": [-2, -1]}, "takes one layer's features"),
        ({"vision_feature_select_strategy": "cls"}, "'cls' is none of default, full"),
        ({"projector_hidden_act": "relu"}, "projector_hidden_act gelu; got 'relu'"),
        ({"multimodal_projector_bias": False}, "must have biases"),
        ({"text_config": {"head_dim": 64}}, "head_dim times num_attention_heads must be 4096"),
        ({"text_config": {"mlp_bias": True}}, "'mlp_bias' must be false"),
    ],
)
def test_what_is_not_the_same_arithmetic_is_refused(values: dict[str, JSON], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_config(changed(**values))


def test_llavas_own_old_files_have_the_same_model_type() -> None:
    values: dict[str, JSON] = {
        "model_type": "llava",
        "mm_vision_tower": "openai/clip-vit-large-patch14-336",
        "mm_projector_type": "mlp2x_gelu",
        **TEXT_MODELS["llama"].defaults,
    }
    config = read_config(Fields(values, "config.json"))
    assert (config.layout, config.family.name) == ("original", "llama")
