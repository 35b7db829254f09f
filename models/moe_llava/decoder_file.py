"""The decoder and its experts as config.json has them, to checked values; and back."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

from lvlm_eval.schema import JSON

from .backbones import ACTIVATION_NAMES, Family
from .config import Activation, DecoderConfig, MoEConfig
from .fields import Fields
from .long_context import LongContext, RotaryScaling


def decoder_config(fields: Fields, family: Family) -> DecoderConfig:
    """The family's decoder with the sizes that config.json gives. ValueError where they clash."""
    wrong = [key for key in family.off if fields.values.get(key)]
    wrong += [key for key in family.on if not fields.values.get(key)]
    if wrong:
        value = fields.values.get(wrong[0])
        raise ValueError(f"{wrong[0]!r} is {value!r}; the arithmetic of that is not known here")
    width, heads = fields.integer("hidden_size"), fields.integer("num_attention_heads")
    head_width = width // max(heads, 1)
    for key in ("kv_channels", "head_dim"):
        if fields.integer(key, head_width) != head_width:
            raise ValueError(f"{key} times num_attention_heads must be hidden_size")
    share = family.rotary_share
    if family.rotary_share_key:
        share = fields.number(family.rotary_share_key, share)
    decoder = DecoderConfig(
        vocab_size=fields.integer("vocab_size"),
        width=width,
        mlp_width=fields.integer("intermediate_size") // family.mlp_width_over,
        layers=fields.integer("num_hidden_layers"),
        heads=heads,
        kv_heads=fields.integer("num_key_value_heads", heads),
        rotary_width=int(share * head_width),
        rotary_base=fields.number(family.rotary_base_key, 10000.0),
        norm=family.norm,
        norm_eps=fields.number(family.norm_eps_key, 1e-5),
        parallel=family.parallel,
        gated=family.gated,
        activation=family.activation or activation(fields.text("hidden_act")),
        qkv_bias=_flag(fields, family.qkv_bias, family.bias_default),
        out_bias=_flag(fields, family.out_bias, family.bias_default),
        mlp_bias=family.mlp_bias,
        blocked=family.blocked,
        tied=fields.flag("tie_word_embeddings", family.tied_default),
        long=_long_context(fields, family),
    )
    return _scaled(decoder, fields, family)


def _flag(fields: Fields, says: bool | str, default: bool) -> bool:
    return fields.flag(says, default) if isinstance(says, str) else says


def _scaled(decoder: DecoderConfig, fields: Fields, family: Family) -> DecoderConfig:
    """The decoder with MiniCPM's three factors, all 1 by default as in its class."""
    if family.scale_keys is None:
        return decoder
    embedding, depth, base = (fields.number(key, 1.0) for key in family.scale_keys)
    if min(embedding, depth, base) <= 0:
        raise ValueError(f"{', '.join(family.scale_keys)} must be above 0")
    return replace(
        decoder,
        embedding_scale=embedding,
        residual_scale=depth / math.sqrt(decoder.layers),
        logit_divisor=decoder.width / base,
    )


def _long_context(fields: Fields, family: Family) -> LongContext:
    """What config.json says about prompts longer than trained on."""
    scaling, factor = _scaling(fields, family)
    log_queries = bool(family.log_key) and fields.flag(family.log_key, True)
    trained = fields.integer(family.trained_key, 0)
    needed = log_queries or scaling in ("dynamic", "doubling")
    window, full_layers = _window(fields, family)
    return LongContext(scaling, factor, trained if needed else 0, log_queries, window, full_layers)


def _scaling(fields: Fields, family: Family) -> tuple[RotaryScaling, float]:
    if family.doubling_key:
        return ("doubling" if fields.flag(family.doubling_key, True) else "none"), 1.0
    scaling = fields.fields("rope_scaling")
    # transformers has called the field "type" and later "rope_type"
    kind = scaling.text("rope_type", scaling.text("type", "default")) if scaling else "default"
    if scaling is None or kind == "default":
        return "none", 1.0
    if kind not in ("linear", "dynamic"):
        raise ValueError(f"rope_scaling of type {kind!r} is none of linear, dynamic")
    return cast("RotaryScaling", kind), scaling.number("factor")


def _window(fields: Fields, family: Family) -> tuple[int | None, int]:
    """How many keys a query sees, and how many first layers have no such window."""
    off = family.window_switch and not fields.flag(family.window_switch)
    if not family.window_key or off:
        return None, 0
    value = fields.values.get(family.window_key, family.window_default)
    window = None if value is None else fields.integer(family.window_key, family.window_default)
    if window is None or not family.full_layers_key:
        return window, 0
    return window, fields.integer(family.full_layers_key, family.full_layers_default)


def moe_config(moe: Fields | None, layers: int) -> MoEConfig | None:
    """The `moe` object of config.json, for a decoder of so many layers.

    Its list of layers decides; only where it has none does its mode. A single expert count is
    that of every MoE layer. ValueError where the two lists contradict each other.
    """
    if moe is None:
        return None
    chosen = moe_layers(moe, layers)
    counts = moe.integers("num_experts")
    return MoEConfig(
        layers=chosen,
        experts=counts * len(chosen) if len(counts) == 1 else counts,
        top_k=moe.integer("top_k_experts", 2),
        capacity_factor=moe.number("capacity_factor", 1.0),
        eval_capacity_factor=moe.number("eval_capacity_factor", 1.0),
        min_capacity=moe.integer("min_capacity", 4),
        residual=moe.flag("use_residual"),
        aux_loss_coef=moe.number("router_aux_loss_coef", 0.01),
    )


def moe_layers(moe: Fields, layers: int) -> tuple[int, ...]:
    """Which decoder layers have experts: `moe_layers_idx`, or those of `moe_mode`."""
    if moe.values.get("moe_layers_idx") is not None:
        chosen = moe.integers("moe_layers_idx")
        if not chosen:
            raise ValueError("moe_layers_idx names no layer; a model without experts has no `moe`")
        return chosen
    mode = moe.text("moe_mode", "sparse")
    modes = {
        "first_half": range(layers // 2),
        "second_half": range(layers // 2, layers),  # the larger half of an odd number
        "sparse": range(0, layers, 2),
        "dense": range(layers),
    }
    if mode not in modes:
        raise ValueError(f"moe_mode {mode!r} without moe_layers_idx is none of {', '.join(modes)}")
    return tuple(modes[mode])


def activation(name: str) -> Activation:
    if name not in ACTIVATION_NAMES:
        raise ValueError(f"hidden_act {name!r} is none of {', '.join(ACTIVATION_NAMES)}")
    return ACTIVATION_NAMES[name]


def decoder_json(decoder: DecoderConfig, family: Family) -> dict[str, JSON]:
    """The fields of config.json that `decoder_config` reads back to the same values."""
    values: dict[str, JSON] = {
        "vocab_size": decoder.vocab_size,
        "hidden_size": decoder.width,
        "intermediate_size": decoder.mlp_width * family.mlp_width_over,
        "num_hidden_layers": decoder.layers,
        "num_attention_heads": decoder.heads,
        "num_key_value_heads": decoder.kv_heads,
        "hidden_act": _name_of(decoder.activation),
        family.rotary_base_key: decoder.rotary_base,
        family.norm_eps_key: decoder.norm_eps,
        **dict.fromkeys(family.on, True),
    }
    if family.rotary_share_key:
        values[family.rotary_share_key] = decoder.rotary_width / decoder.head_width
    if isinstance(family.qkv_bias, str):
        values[family.qkv_bias] = decoder.qkv_bias
    values["tie_word_embeddings"] = decoder.tied
    if family.scale_keys is not None:
        embedding, depth, base = family.scale_keys
        values[embedding] = decoder.embedding_scale
        values[depth] = decoder.residual_scale * math.sqrt(decoder.layers)
        values[base] = decoder.width / decoder.logit_divisor
    return values | _long_json(decoder.long, family)


def _long_json(long: LongContext, family: Family) -> dict[str, JSON]:
    values: dict[str, JSON] = {}
    if long.trained:
        values[family.trained_key] = long.trained
    if family.log_key:
        values[family.log_key] = long.log_queries
    if family.doubling_key:
        values[family.doubling_key] = long.scaling == "doubling"
    elif long.scaling != "none":
        values["rope_scaling"] = {"type": long.scaling, "factor": long.factor}
    if family.window_key:
        values[family.window_key] = long.window
    if family.window_switch:
        values[family.window_switch] = long.window is not None
    if family.full_layers_key:
        values[family.full_layers_key] = long.full_layers
    return values


def moe_json(moe: MoEConfig) -> dict[str, JSON]:
    return {
        "moe_enable": True,
        "moe_mode": "sparse",
        "moe_layers_idx": list(moe.layers),
        "num_experts": list(moe.experts),
        "ep_size": 1,
        "top_k_experts": moe.top_k,
        "capacity_factor": moe.capacity_factor,
        "eval_capacity_factor": moe.eval_capacity_factor,
        "min_capacity": moe.min_capacity,
        "use_residual": moe.residual,
        "router_aux_loss_coef": moe.aux_loss_coef,
    }


def _name_of(activation: Activation) -> str:
    # "gelu_new" comes first in the table: it is what phi's own configuration says
    return next(name for name, value in ACTIVATION_NAMES.items() if value == activation)
