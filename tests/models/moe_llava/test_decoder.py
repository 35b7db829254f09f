"""The decoder against Hugging Face's models, weights copied over; cached against uncached."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
import torch
from transformers import (
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    StableLmConfig,
    StableLmForCausalLM,
)

from lvlm_eval.models.moe_llava.attention import additive_mask
from lvlm_eval.models.moe_llava.backbones import (
    LLAMA,
    MINICPM,
    MISTRAL,
    PHI,
    QWEN_1_5,
    STABLELM,
    Family,
)
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.config import Blocked, NetworkConfig
from lvlm_eval.models.moe_llava.convert import network_table
from lvlm_eval.models.moe_llava.decoder import Context
from lvlm_eval.models.moe_llava.decoder_file import decoder_config
from lvlm_eval.models.moe_llava.engine.kv_cache import KVCache
from lvlm_eval.models.moe_llava.fields import Fields
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.schema import JSON

SIZES: dict[str, JSON] = {
    "vocab_size": 70,
    "hidden_size": 48,
    "intermediate_size": 56,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "hidden_act": "silu",
    "rope_theta": 500.0,
}


@dataclass(frozen=True)
class Case:
    """A family with Hugging Face's classes; settings beyond SIZES, by both sides' names.

    rotary: the rotated share of a head. theirs: settings of their class alone. scaling: of
    rotary positions.
    """

    family: Family
    config: type
    model: type
    settings: dict[str, JSON]
    rotary: float = 1.0
    theirs: dict[str, JSON] = field(default_factory=dict)
    scaling: dict[str, JSON] = field(default_factory=dict)
    id: str = ""


PHI_CASE = Case(
    PHI,
    PhiConfig,
    PhiForCausalLM,
    {"hidden_act": "gelu_new", "layer_norm_eps": 1e-4, "partial_rotary_factor": 0.5},
    0.5,
)
LLAMA_CASE = Case(LLAMA, LlamaConfig, LlamaForCausalLM, {"rms_norm_eps": 1e-4})
MISTRAL_CASE = Case(
    MISTRAL, MistralConfig, MistralForCausalLM, {"rms_norm_eps": 1e-4, "sliding_window": 4}
)
CASES = [
    PHI_CASE,
    LLAMA_CASE,
    replace(
        LLAMA_CASE, settings={"rms_norm_eps": 1e-4, "attention_bias": True}, id="llama with biases"
    ),
    replace(
        LLAMA_CASE,
        settings={"rms_norm_eps": 1e-4, "tie_word_embeddings": True},
        id="llama with a tied head",
    ),
    replace(LLAMA_CASE, scaling={"rope_type": "linear", "factor": 4.0}, id="llama linear"),
    replace(
        LLAMA_CASE,
        settings={"rms_norm_eps": 1e-4, "max_position_embeddings": 8},
        scaling={"rope_type": "dynamic", "factor": 4.0},
        id="llama dynamic",
    ),
    MISTRAL_CASE,
    Case(
        QWEN_1_5,
        Qwen2Config,
        Qwen2ForCausalLM,
        {
            "rms_norm_eps": 1e-4,
            "use_sliding_window": True,
            "sliding_window": 4,
            "max_window_layers": 1,
        },
    ),
    Case(
        QWEN_1_5,
        Qwen2Config,
        Qwen2ForCausalLM,
        {"rms_norm_eps": 1e-4, "use_sliding_window": False, "sliding_window": 4},
        id="qwen1_5 without a window",
    ),
    Case(
        STABLELM,
        StableLmConfig,
        StableLmForCausalLM,
        {"layer_norm_eps": 1e-4, "norm_eps": 1e-4, "rope_pct": 0.25, "use_qkv_bias": True},
        0.25,
    ),
    Case(  # MiniCPM's own class is not in transformers; Granite has the same three factors
        MINICPM,
        GraniteConfig,
        GraniteForCausalLM,
        {
            "rms_norm_eps": 1e-4,
            "tie_word_embeddings": False,
            "scale_emb": 3.0,
            "scale_depth": 1.4,
            "dim_model_base": 32,
        },
        theirs={
            "embedding_multiplier": 3.0,
            "residual_multiplier": 1.4 / 3**0.5,  # three layers
            "logits_scaling": 48 / 32,
            "attention_multiplier": 8**-0.5,
        },
    ),
]


def name_of(case: Case) -> str:
    return case.id or case.family.name


def hugging_faces(case: Case) -> torch.nn.Module:
    """A random model of theirs whose every parameter matters."""
    torch.manual_seed(5)
    settings = {**SIZES, **case.settings, **case.theirs, "bos_token_id": 0, "eos_token_id": 0}
    config = case.config(**settings, pad_token_id=None, attn_implementation="eager")
    # where this version of the classes keeps base and share of the rotation
    config.rope_parameters = {
        "rope_type": "default",
        "rope_theta": SIZES["rope_theta"],
        "partial_rotary_factor": case.rotary,
        **case.scaling,
    }
    model: torch.nn.Module = case.model(config).eval()
    for name, parameter in model.named_parameters():
        parameter.data += torch.randn_like(parameter) * 0.08
        if name == "lm_head.bias":
            parameter.data.zero_()  # MoE-LLaVA's phi has none
    return model


def with_weights_of(theirs: torch.nn.Module, case: Case) -> Network:
    """Our network of the same settings with their weights, every one of ours filled."""
    fields = Fields({**SIZES, **case.settings, "rope_scaling": case.scaling or None}, "config.json")
    config = NetworkConfig(decoder_config(fields, case.family))
    network = build_empty(config).to_empty(device="cpu")
    table, own = network_table(case.family, "linear"), network.state_dict()
    filled = set()
    for key, tensor in theirs.state_dict().items():
        name = table.ours(key) if key != "lm_head.bias" else None
        if name in own:
            own[name].copy_(tensor)
            filled.add(name)
    assert filled == set(own)
    return network


def our_phi() -> Network:
    return with_weights_of(hugging_faces(PHI_CASE), PHI_CASE)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_logits_equal_hugging_faces_under_right_padding(case: Case) -> None:
    theirs = hugging_faces(case)
    ours = with_weights_of(theirs, case)
    ids = torch.randint(70, (2, 13), generator=torch.Generator().manual_seed(6))
    valid = torch.ones(2, 13, dtype=torch.bool)
    valid[1, 9:] = False
    with torch.no_grad():
        expected = theirs(input_ids=ids, attention_mask=valid.long()).logits
        got = ours(ours.decoder.embed(ids), valid).logits
    assert expected.std() > 0.3  # the comparison is not one of zeros
    torch.testing.assert_close(got[valid], expected[valid], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_logits_without_a_mask_equal_hugging_faces(case: Case) -> None:
    theirs = hugging_faces(case)
    ours = with_weights_of(theirs, case)
    ids = torch.randint(70, (1, 13), generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        expected = theirs(input_ids=ids).logits
        got = ours(ours.decoder.embed(ids)).logits
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-4)


def test_a_window_changes_what_is_seen() -> None:
    theirs = hugging_faces(MISTRAL_CASE)
    ours = with_weights_of(theirs, MISTRAL_CASE)
    wide = with_weights_of(theirs, replace(MISTRAL_CASE, settings={"rms_norm_eps": 1e-4}))
    embeds = ours.decoder.embedding(torch.arange(13)[None])
    with torch.no_grad():
        near, far = ours(embeds).logits, wide(embeds).logits
    torch.testing.assert_close(near[:, :4], far[:, :4])  # so many keys fit
    assert (near[:, 4:] - far[:, 4:]).abs().amax(dim=-1).min() > 1e-3


def test_without_a_mask_attention_is_causal() -> None:
    ours = our_phi()
    ids = torch.randint(70, (1, 9), generator=torch.Generator().manual_seed(7))
    other = ids.clone()
    other[0, 6] = (other[0, 6] + 1) % 70
    with torch.no_grad():
        one = ours(ours.decoder.embedding(ids)).logits
        two = ours(ours.decoder.embedding(other)).logits
    torch.testing.assert_close(one[:, :6], two[:, :6])
    assert not torch.allclose(one[:, 6:], two[:, 6:])


def test_a_token_at_a_time_equals_all_at_once() -> None:
    ours = our_phi()
    embeds = ours.decoder.embedding(
        torch.randint(70, (2, 100), generator=torch.Generator().manual_seed(8))
    )
    cache = KVCache(3)
    steps = []
    with torch.no_grad():
        whole = ours(embeds).logits
        for start, end in [(0, 5), *((n, n + 1) for n in range(5, 100))]:
            valid = torch.ones(2, end, dtype=torch.bool)
            mask = additive_mask(valid, end - start, torch.float32)
            positions = torch.arange(start, end).expand(2, -1)
            hidden, _ = ours.decoder(embeds[:, start:end], Context(positions, mask, cache))
            steps.append(ours.decoder.logits(hidden))
    assert cache.length == 100
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=2e-5, rtol=1e-4)


ATTENDED: dict[Blocked, tuple[list[float], list[float]]] = {
    "once": ([0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]),
    "twice": ([1 / 3, 0.0, 1 / 3, 1 / 3], [0.25, 0.25, 0.25, 0.25]),
    "infinite": ([1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]),
}


@pytest.mark.parametrize("blocked", list(ATTENDED))
def test_what_a_row_attends_to_that_sees_nothing_is_the_backbones_habit(blocked: Blocked) -> None:
    scores = torch.tensor([3.0, -2.0, 5.0, 1.0])
    mask = additive_mask(torch.tensor([[False, False, True, True]]), 4, torch.float32, blocked)
    weights = (scores + mask[0, 0]).softmax(dim=-1)
    first, second = ATTENDED[blocked]
    assert weights[0].tolist() == pytest.approx(first)
    assert weights[1].tolist() == pytest.approx(second)
    # rows that see a key see no other
    assert weights[2].tolist() == [0.0, 0.0, 1.0, 0.0]
    assert weights[3, :2].tolist() == [0.0, 0.0]


def test_stablelms_blind_rows_see_the_real_keys_after_them_by_their_scores() -> None:
    mask = additive_mask(torch.tensor([[False, False, True, True]]), 4, torch.float32, "half")
    weights = (torch.tensor([3.0, -2.0, 5.0, 4.0]) + mask[0, 0, 0]).softmax(dim=-1)
    assert weights.tolist() == pytest.approx([0.0, 0.0, 0.7311, 0.2689], abs=2e-3)
