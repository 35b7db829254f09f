"""The decoder in config.json: where experts are, what lies beyond the length trained on."""

from __future__ import annotations

import pytest

from lvlm_eval.models.moe_llava.backbones import (
    LLAMA,
    MINICPM,
    MISTRAL,
    PHI,
    QWEN,
    QWEN_1_5,
    STABLELM,
    Family,
)
from lvlm_eval.models.moe_llava.decoder_file import decoder_config, decoder_json, moe_config
from lvlm_eval.models.moe_llava.fields import Fields
from lvlm_eval.models.moe_llava.long_context import SHORT, LongContext
from lvlm_eval.schema import JSON

SIZES: dict[str, JSON] = {
    "vocab_size": 70,
    "hidden_size": 48,
    "intermediate_size": 56,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "hidden_act": "silu",
    "max_position_embeddings": 64,
    "seq_length": 32,
    "no_bias": True,
}


def fields(**values: JSON) -> Fields:
    return Fields({**SIZES, **values}, "config.json")


@pytest.mark.parametrize(
    ("mode", "layers", "placed"),
    [
        ("first_half", 5, (0, 1)),
        ("second_half", 5, (2, 3, 4)),
        ("sparse", 5, (0, 2, 4)),
        ("dense", 3, (0, 1, 2)),
        ("first_half", 4, (0, 1)),
        ("second_half", 4, (2, 3)),
    ],
)
def test_a_mode_without_a_list_places_experts_as_the_trainer_does(
    mode: str, layers: int, placed: tuple[int, ...]
) -> None:
    moe = moe_config(Fields({"moe_mode": mode, "num_experts": [3]}, "moe"), layers)
    assert moe is not None
    assert moe.layers == placed
    assert moe.experts == (3,) * len(placed)


def test_the_list_decides_whatever_the_mode_says_and_counts_go_with_its_entries() -> None:
    values: dict[str, JSON] = {
        "moe_mode": "dense",
        "moe_layers_idx": [3, 1],
        "num_experts": [2, 5],
        "top_k_experts": 1,
        "use_residual": True,
    }
    moe = moe_config(Fields(values, "moe"), 4)
    assert moe is not None
    assert (moe.layers, moe.top_k, moe.residual) == ((3, 1), 1, True)
    assert [moe.experts_of(layer) for layer in range(4)] == [0, 5, 0, 2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"moe_mode": "custom", "num_experts": [4]}, "'custom' without moe_layers_idx is none of"),
        (
            {"moe_layers_idx": [0, 2, 3], "num_experts": [4, 4]},
            "moe_layers_idx names 3 layers, but num_experts has 2 counts",
        ),
        ({"moe_layers_idx": [], "num_experts": [4]}, "moe_layers_idx names no layer"),
        ({"moe_layers_idx": [1, 1], "num_experts": [4]}, "named twice"),
    ],
)
def test_contradicting_placements_are_refused(values: dict[str, JSON], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        moe_config(Fields(values, "moe"), 4)


NTK: dict[str, JSON] = {"use_dynamic_ntk": True, "use_logn_attn": False}
LINEAR: dict[str, JSON] = {"type": "linear", "factor": 8.0}


@pytest.mark.parametrize(
    ("family", "values", "expected"),
    [
        (LLAMA, {"rope_scaling": LINEAR}, LongContext("linear", 8.0)),
        (PHI, {"rope_scaling": LINEAR}, LongContext("linear", 8.0)),
        (
            LLAMA,
            {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
            LongContext("dynamic", 2.0, trained=64),
        ),
        (LLAMA, {"rope_scaling": {"rope_type": "default"}}, SHORT),
        (QWEN, {}, LongContext("doubling", trained=32, log_queries=True)),
        (QWEN, NTK, LongContext("doubling", trained=32)),
        (QWEN, {"use_dynamic_ntk": False, "use_logn_attn": False}, SHORT),
        (MISTRAL, {"sliding_window": 16}, LongContext(window=16)),
        (MISTRAL, {"sliding_window": None}, SHORT),
        (MISTRAL, {}, LongContext(window=4096)),
        (LLAMA, {"sliding_window": 16}, SHORT),
        (QWEN_1_5, {"sliding_window": 16, "max_window_layers": 2}, SHORT),
        (QWEN_1_5, {"use_sliding_window": True}, LongContext(window=4096, full_layers=28)),
        (
            QWEN_1_5,
            {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 2},
            LongContext(window=16, full_layers=2),
        ),
    ],
)
def test_what_lies_beyond_the_trained_length_is_read_and_written_back(
    family: Family, values: dict[str, JSON], expected: LongContext
) -> None:
    decoder = decoder_config(fields(**values), family)
    assert decoder.long == expected
    assert decoder_config(fields(**decoder_json(decoder, family)), family) == decoder


@pytest.mark.parametrize(
    ("family", "values", "message"),
    [
        (LLAMA, {"rope_scaling": {"type": "yarn", "factor": 2.0}}, "'yarn' is none of linear"),
        (STABLELM, {"rope_scaling": LINEAR}, "'rope_scaling' is .*not known here"),
        (LLAMA, {"mlp_bias": True}, "'mlp_bias' is True"),
        (MISTRAL, {"head_dim": 16}, "head_dim times num_attention_heads must be hidden_size"),
        (MINICPM, {"dim_model_base": 0}, "scale_emb, scale_depth, dim_model_base must be above 0"),
    ],
)
def test_arithmetic_that_is_not_known_is_refused(
    family: Family, values: dict[str, JSON], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        decoder_config(fields(**values), family)


def test_heads_are_tied_by_default_in_minicpm_alone() -> None:
    assert decoder_config(fields(), MINICPM).tied
    assert not decoder_config(fields(tie_word_embeddings=False), MINICPM).tied
    assert not decoder_config(fields(), LLAMA).tied
    assert decoder_config(fields(tie_word_embeddings=True), LLAMA).tied


def test_minicpms_three_factors() -> None:
    values: dict[str, JSON] = {"scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 16}
    decoder = decoder_config(fields(**values), MINICPM)
    assert decoder.embedding_scale == 12
    assert decoder.residual_scale == pytest.approx(0.7)  # 1.4 over the root of 4 layers
    assert decoder.logit_divisor == 3
    written = decoder_config(fields(**decoder_json(decoder, MINICPM)), MINICPM)
    assert written.residual_scale == pytest.approx(decoder.residual_scale)
    plain = decoder_config(fields(), MINICPM)
    assert (plain.embedding_scale, plain.residual_scale, plain.logit_divisor) == (1, 0.5, 48)


@pytest.mark.parametrize(
    ("family", "values", "biases"),
    [
        (LLAMA, {}, (False, False)),
        (LLAMA, {"attention_bias": True}, (True, True)),
        (MINICPM, {"attention_bias": True}, (True, True)),
        (MISTRAL, {"attention_bias": True}, (False, False)),
        (QWEN_1_5, {}, (True, False)),
        (STABLELM, {}, (True, False)),
        (STABLELM, {"use_qkv_bias": False}, (False, False)),
    ],
)
def test_which_projections_of_attention_have_biases(
    family: Family, values: dict[str, JSON], biases: tuple[bool, bool]
) -> None:
    decoder = decoder_config(fields(**values), family)
    assert (decoder.qkv_bias, decoder.out_bias) == biases
