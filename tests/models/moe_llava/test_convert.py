"""Keys both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.backbones import FAMILIES, PHI, QWEN, Family
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.config_file import InputConfig, config_json
from lvlm_eval.models.moe_llava.convert import network_table, tower_table
from lvlm_eval.models.moe_llava.decoder_file import decoder_config
from lvlm_eval.models.moe_llava.fields import Fields

TABLE = network_table(PHI, "mlp2x_gelu")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("model.embed_tokens.weight", "decoder.embedding.weight"),
        ("model.layers.31.self_attn.dense.bias", "decoder.blocks.31.attention.out.bias"),
        ("model.layers.1.mlp.fc1.weight", "decoder.blocks.1.mlp.up.weight"),
        (
            "model.layers.2.mlp.deepspeed_moe.experts.deepspeed_experts.3.fc2.bias",
            "decoder.blocks.2.mlp.experts.3.down.bias",
        ),
        ("model.layers.2.mlp.deepspeed_moe.gate.wg.weight", "decoder.blocks.2.mlp.router.weight"),
        ("model.layers.2.mlp.mlp.fc1.weight", "decoder.blocks.2.mlp.shared.up.weight"),
        ("model.layers.2.mlp.coefficient.bias", "decoder.blocks.2.mlp.mixer.bias"),
        ("model.final_layernorm.bias", "decoder.norm.bias"),
        ("lm_head.weight", "decoder.head.weight"),
        ("model.mm_projector.image_spatial_proj.2.bias", "projector.layers.2.bias"),
    ],
)
def test_keys_and_parameters_correspond(theirs: str, ours: str) -> None:
    assert TABLE.ours(theirs) == ours
    assert TABLE.theirs(ours) == theirs


def test_llava_15s_projector_is_read_and_a_linear_one_has_no_number() -> None:
    assert TABLE.ours("model.mm_projector.0.weight") == "projector.layers.0.weight"
    linear = network_table(PHI, "linear")
    key = "model.mm_projector.image_spatial_proj.weight"
    assert linear.ours(key) == "projector.layers.0.weight"
    assert linear.theirs("projector.layers.0.weight") == key


def test_the_copy_of_the_tower_is_dropped_by_name() -> None:
    assert TABLE.ours("model.image_tower.image_tower.vision_model.post_layernorm.bias") is None
    assert TABLE.ours("model.layers.0.self_attn.rotary_emb.inv_freq") is None


@pytest.mark.parametrize(
    "key", ["model.layers.0.mlp.fc3.weight", "model.layers.x.mlp.fc1.weight", ""]
)
def test_an_unknown_key_is_an_error(key: str) -> None:
    with pytest.raises(CheckpointError, match="no part of this architecture"):
        TABLE.ours(key)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
@pytest.mark.parametrize("residual", [False, True])
def test_there_and_back_is_the_identity_for_every_parameter(
    config: NetworkConfig, family: Family, residual: bool
) -> None:
    fields = Fields(config_json(config, family, InputConfig()), "config.json")
    assert config.moe is not None
    decoder, moe = decoder_config(fields, family), replace(config.moe, residual=residual)
    network = build_empty(replace(config, decoder=decoder, moe=moe))
    names = [name for name, _ in network.named_parameters()]
    keys = set()
    for name in names:
        table = network_table(family, "mlp2x_gelu")
        table = tower_table(2) if name.startswith("vision.") else table
        key = table.theirs(name)
        assert table.ours(key) == name
        keys.add(key)
    assert len(keys) == len(names)


def test_of_a_tower_only_the_used_layers_are_read() -> None:
    table = tower_table(2)
    assert table.ours("vision_model.encoder.layers.1.mlp.fc1.bias") == "vision.blocks.1.mlp.up.bias"
    dropped = [
        "vision_model.encoder.layers.2.mlp.fc1.bias",
        "vision_model.encoder.layers.12.layer_norm1.weight",
        "vision_model.post_layernorm.weight",
        "vision_model.head.probe",
        "text_model.embeddings.token_embedding.weight",
        "visual_projection.weight",
        "logit_scale",
    ]
    assert [table.ours(key) for key in dropped] == [None] * len(dropped)


def test_a_fused_tensor_is_three_of_ours() -> None:
    table = network_table(QWEN, "linear")
    parts = table.parts("transformer.h.3.attn.c_attn.bias")
    kinds = [table.ours(part) for part in parts]
    prefix = "decoder.blocks.3.attention"
    assert kinds == [f"{prefix}.query.bias", f"{prefix}.key.bias", f"{prefix}.value.bias"]
    assert table.parts("transformer.h.3.attn.c_proj.weight") == [
        "transformer.h.3.attn.c_proj.weight"
    ]
    assert table.ours("transformer.h.3.mlp.w2.weight") == "decoder.blocks.3.mlp.gate.weight"
