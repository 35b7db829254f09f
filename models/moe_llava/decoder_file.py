"""The decoder and its experts as config.json has them, to checked values; and back."""

from __future__ import annotations

from lvlm_eval.schema import JSON

from .backbones import ACTIVATION_NAMES, Family
from .config import Activation, DecoderConfig, MoEConfig
from .fields import Fields


def decoder_config(fields: Fields, family: Family) -> DecoderConfig:
    """The family's decoder with the sizes that config.json gives."""
    wrong = [key for key in family.off if fields.values.get(key)]
    wrong += [key for key in family.on if not fields.values.get(key)]
    if wrong:
        value = fields.values.get(wrong[0])
        raise ValueError(f"{wrong[0]!r} is {value!r}; the arithmetic of that is not known here")
    width, heads = fields.integer("hidden_size"), fields.integer("num_attention_heads")
    if fields.integer("kv_channels", 0) not in (0, width // max(heads, 1)):
        raise ValueError("kv_channels times num_attention_heads must be hidden_size")
    share = family.rotary_share
    if family.rotary_share_key:
        share = fields.number(family.rotary_share_key, share)
    bias = family.qkv_bias
    return DecoderConfig(
        vocab_size=fields.integer("vocab_size"),
        width=width,
        mlp_width=fields.integer("intermediate_size") // family.mlp_width_over,
        layers=fields.integer("num_hidden_layers"),
        heads=heads,
        kv_heads=fields.integer("num_key_value_heads", heads),
        rotary_width=int(share * (width // max(heads, 1))),
        rotary_base=fields.number(family.rotary_base_key, 10000.0),
        norm=family.norm,
        norm_eps=fields.number(family.norm_eps_key, 1e-5),
        parallel=family.parallel,
        gated=family.gated,
        activation=family.activation or activation(fields.text("hidden_act")),
        qkv_bias=fields.flag(bias, True) if isinstance(bias, str) else bias,
        out_bias=family.out_bias,
        mlp_bias=family.mlp_bias,
        blocked=family.blocked,
    )


def moe_config(moe: Fields | None) -> MoEConfig | None:
    """The `moe` object of config.json: its layer list and expert counts, nothing guessed."""
    if moe is None:
        return None
    return MoEConfig(
        layers=moe.integers("moe_layers_idx"),
        experts=moe.integers("num_experts"),
        top_k=moe.integer("top_k_experts", 2),
        capacity_factor=moe.number("capacity_factor", 1.0),
        eval_capacity_factor=moe.number("eval_capacity_factor", 1.0),
        min_capacity=moe.integer("min_capacity", 4),
        residual=moe.flag("use_residual"),
        aux_loss_coef=moe.number("router_aux_loss_coef", 0.01),
    )


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
