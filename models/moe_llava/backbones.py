"""Backbones as data: where a family keeps its settings and its weights.

A row says how to read a family's config.json into a DecoderConfig and how its weights are
called; nothing else in this package knows a family's name. Public shapes of the base models
and the arithmetic of each are those of their Hugging Face implementations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .config import Activation, Blocked, NormKind

# config.json's names for activations
ACTIVATION_NAMES: Mapping[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "quick_gelu": "quick_gelu",
    "silu": "silu",
}


@dataclass(frozen=True, slots=True)
class Family:
    """One backbone family.

    norm_eps_key, rotary_base_key, rotary_share_key: config.json's names; without the last all
    of a head is rotated, rotary_share is the class default where the key is absent.
    qkv_bias, out_bias: whether there is one, or the key that says so; bias_default without it.
    mlp_width_over: intermediate_size is so many times the MLP's width.
    base_dropped: keys (patterns) of the plain language model that this one leaves out.
    tied_default: tie_word_embeddings where config.json does not say: files leave out what is so
    by default both in the class and in its base.
    trained_key: the length trained on. doubling_key, log_key: flags of Qwen's two ways beyond it.
    window_key: the window of attention, window_default where it is absent; window_switch: the
    flag that turns it on; full_layers_key: how many first layers have none, full_layers_default
    where it is absent.
    scale_keys: MiniCPM's scale_emb, scale_depth and dim_model_base, or none.
    off, on: keys that must be false or absent, or true, for this arithmetic to be right.
    root, layer: what stands before the model's keys and a layer's, {n} being the layer.
    names: our parts of the decoder to the checkpoint's. fused: a layer's part that holds
    query, key and value one after the other, named /0, /1 and /2 in `names`.
    conversation: its template in chat.py. conversations: others, by the token that a tokenizer
    knows which goes with them.
    """

    name: str
    conversation: str
    norm: NormKind
    norm_eps_key: str
    parallel: bool
    gated: bool
    qkv_bias: bool | str
    out_bias: bool | str
    mlp_bias: bool
    names: Mapping[str, str]
    mlp_names: Mapping[str, str]
    root: str = "model."
    layer: str = "model.layers.{n}."
    fused: str = ""
    conversations: tuple[tuple[str, str], ...] = ()
    rotary_base_key: str = "rope_theta"
    rotary_share_key: str = ""
    rotary_share: float = 1.0
    mlp_width_over: int = 1
    activation: Activation | None = None
    blocked: Blocked = "once"
    bias_default: bool = False
    tied_default: bool = False
    base_dropped: tuple[str, ...] = ()
    trained_key: str = "max_position_embeddings"
    doubling_key: str = ""
    log_key: str = ""
    window_key: str = ""
    window_default: int | None = None
    window_switch: str = ""
    full_layers_key: str = ""
    full_layers_default: int = 0
    scale_keys: tuple[str, str, str] | None = None
    off: tuple[str, ...] = ()
    on: tuple[str, ...] = ()


_LAYER = "model.layers.{n}."
_ATTENTION = {
    "embedding": "model.embed_tokens",
    "blocks.{n}.attention_norm": _LAYER + "input_layernorm",
    "blocks.{n}.attention.query": _LAYER + "self_attn.q_proj",
    "blocks.{n}.attention.key": _LAYER + "self_attn.k_proj",
    "blocks.{n}.attention.value": _LAYER + "self_attn.v_proj",
    "head": "lm_head",
}
_SEQUENTIAL = _ATTENTION | {
    "blocks.{n}.attention.out": _LAYER + "self_attn.o_proj",
    "blocks.{n}.mlp_norm": _LAYER + "post_attention_layernorm",
    "norm": "model.norm",
}
_GATED = {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"}

PHI = Family(
    name="phi",
    base_dropped=(r"lm_head\.bias",),  # dropped when LLaVA training starts
    conversation="phi",
    norm="layer",
    norm_eps_key="layer_norm_eps",
    parallel=True,
    gated=False,
    qkv_bias=True,
    out_bias=True,
    mlp_bias=True,
    rotary_share_key="partial_rotary_factor",
    rotary_share=0.5,
    off=("qk_layernorm",),
    names=_ATTENTION
    | {"blocks.{n}.attention.out": _LAYER + "self_attn.dense", "norm": "model.final_layernorm"},
    mlp_names={"up": "fc1", "down": "fc2"},
)

STABLELM = Family(
    name="stablelm",
    conversation="stablelm",
    norm="layer",
    norm_eps_key="norm_eps",
    parallel=False,
    gated=True,
    qkv_bias="use_qkv_bias",
    bias_default=True,
    out_bias=False,
    mlp_bias=False,
    rotary_share_key="rope_pct",
    rotary_share=0.25,
    activation="silu",  # hard-wired there, whatever hidden_act says
    blocked="half",
    off=("rope_scaling",),
    names=_SEQUENTIAL,
    mlp_names=_GATED,
)

LLAMA = Family(
    name="llama",
    conversation="v1",
    norm="rms",
    norm_eps_key="rms_norm_eps",
    parallel=False,
    gated=True,
    qkv_bias="attention_bias",
    out_bias="attention_bias",
    mlp_bias=False,
    blocked="twice",
    off=("mlp_bias",),
    names=_SEQUENTIAL,
    mlp_names=_GATED,
)

# The window is that of today's transformers: a query and the keys just before it. The one of 4.34,
# which the MoE class needs, had one key more in prompts and none while decoding.
MISTRAL = replace(
    LLAMA,
    name="mistral",
    qkv_bias=False,
    out_bias=False,
    conversation="mistral",
    conversations=(("<|end_of_turn|>", "openchat"),),  # openchat's model_type is mistral's
    blocked="infinite",
    window_key="sliding_window",
    window_default=4096,
)

# Its class in the original is Qwen2's; `qwen` is the name of the template there, too.
QWEN_1_5 = replace(
    LLAMA,
    name="qwen1_5",
    conversation="qwen",
    qkv_bias=True,
    out_bias=False,
    blocked="once",
    window_key="sliding_window",
    window_default=4096,
    window_switch="use_sliding_window",
    full_layers_key="max_window_layers",
    full_layers_default=28,
)

MINICPM = replace(
    LLAMA,
    name="minicpm",
    conversation="minicpm",
    blocked="once",
    tied_default=True,
    scale_keys=("scale_emb", "scale_depth", "dim_model_base"),
)

_QWEN_LAYER = "transformer.h.{n}."
QWEN = Family(
    name="qwen",
    conversation="qwen",
    norm="rms",
    norm_eps_key="layer_norm_epsilon",
    parallel=False,
    gated=True,
    qkv_bias=True,
    out_bias=False,
    mlp_bias=False,
    root="transformer.",
    layer=_QWEN_LAYER,
    fused="attn.c_attn",
    rotary_base_key="rotary_emb_base",
    rotary_share_key="rotary_pct",
    mlp_width_over=2,
    activation="silu",
    trained_key="seq_length",
    doubling_key="use_dynamic_ntk",
    log_key="use_logn_attn",
    on=("no_bias",),
    names={
        "embedding": "transformer.wte",
        "blocks.{n}.attention_norm": _QWEN_LAYER + "ln_1",
        "blocks.{n}.attention.query": _QWEN_LAYER + "attn.c_attn/0",
        "blocks.{n}.attention.key": _QWEN_LAYER + "attn.c_attn/1",
        "blocks.{n}.attention.value": _QWEN_LAYER + "attn.c_attn/2",
        "blocks.{n}.attention.out": _QWEN_LAYER + "attn.c_proj",
        "blocks.{n}.mlp_norm": _QWEN_LAYER + "ln_2",
        "norm": "transformer.ln_f",
        "head": "lm_head",
    },
    mlp_names={"gate": "w2", "up": "w1", "down": "c_proj"},  # the gate is the second one
)

# model_type to family; "moe_" in front says that there are experts, and changes nothing here.
FAMILIES: Mapping[str, Family] = {
    f"{prefix}llava_{family.name}": family
    for family in (PHI, STABLELM, QWEN, QWEN_1_5, MINICPM, LLAMA, MISTRAL)
    for prefix in ("", "moe_")
}
