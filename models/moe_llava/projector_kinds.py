"""The original's projectors by the names that config.json gives them: sizes and keys.

Facts: moellava/model/multimodal_projector/{builder,pool_block,simple_block,qformer}.py.
"""

from __future__ import annotations

import re

from .config import GridConfig, ProjectorConfig, QFormerConfig

_KIND = re.compile(
    r"(?P<cheap>cheap_)?(?:identity|(?P<linear>linear)"
    r"|(?P<pool>pool_)?mlp(?P<depth>[1-9]\d*)x_gelu"
    r"|(?P<grid>simple)_in(?P<before>\d+)_out(?P<after>\d+)"
    r"|(?P<queried>qformer)(?P<layers>\d+)_(?P<queries>\d+))"
)
# MLPs of a bridge by its width: a "cheap" one has the tower's, any other the decoder's.
_MLP_RATIO, _CHEAP_MLP_RATIO = 2.6875, 4

_Pairs = list[tuple[str, str]]
_STAGE: _Pairs = [
    ("conv_norm", "0.conv.0"),
    ("conv", "0.conv.1"),
    ("attention_norm", "1.norm1"),
    ("attention.qkv", "1.attn.qkv"),
    ("attention.out", "1.attn.proj"),
    ("mlp_norm", "1.norm2"),
    ("mlp.up", "1.mlp.fc1"),
    ("mlp.down", "1.mlp.fc2"),
]
_ATTENTION: _Pairs = [
    ("attention.query", "attention.attention.query"),
    ("attention.key", "attention.attention.key"),
    ("attention.value", "attention.attention.value"),
    ("attention.out", "attention.output.dense"),
    ("attention_norm", "attention.output.LayerNorm"),
]
_CROSS: _Pairs = [
    (ours.replace("attention", "cross"), f"cross{theirs}") for ours, theirs in _ATTENTION
]
_MLP: _Pairs = [
    ("mlp.up", "intermediate_query.dense"),
    ("mlp.down", "output_query.dense"),
    ("mlp_norm", "output_query.LayerNorm"),
]


def read_kind(kind: str) -> re.Match[str]:
    """The parts of a projector's name; ValueError for a name that the original does not have."""
    found = _KIND.fullmatch(kind)
    if found is None:
        raise ValueError(
            f"projector {kind!r} is none of identity, linear, mlpKx_gelu, pool_mlpKx_gelu, "
            "[cheap_]simple_inA_outB, [cheap_]qformerN_M"
        )
    return found


def projector_config(kind: str, in_width: int, out_width: int) -> ProjectorConfig:
    """The projector of that name between a tower and a decoder of these widths."""
    part = read_kind(kind)
    width = in_width if part["cheap"] else out_width
    mlp_width = int(width * (_CHEAP_MLP_RATIO if part["cheap"] else _MLP_RATIO))
    if part["grid"]:
        grid = GridConfig(int(part["before"]), int(part["after"]), width, mlp_width)
        return ProjectorConfig(2, in_width, out_width, bridge=grid)
    if part["queried"]:
        queried = QFormerConfig(int(part["layers"]), int(part["queries"]), width, mlp_width)
        return ProjectorConfig(2, in_width, out_width, bridge=queried)
    depth = int(part["depth"] or bool(part["linear"]))
    return ProjectorConfig(depth, in_width, out_width, pool=bool(part["pool"]))


def projector_kind(config: ProjectorConfig) -> str:
    """The original's name of the projector, the inverse of `projector_config`."""
    bridge = config.bridge
    if bridge is None and not config.pool and config.depth < 2:
        return "linear" if config.depth else "identity"
    if bridge is None:
        return f"{'pool_' if config.pool else ''}mlp{config.depth}x_gelu"
    cheap = "cheap_" if bridge.mlp_width == bridge.width * _CHEAP_MLP_RATIO else ""
    if isinstance(bridge, GridConfig):
        return f"{cheap}simple_in{bridge.before}_out{bridge.after}"
    return f"{cheap}qformer{bridge.layers}_{bridge.queries}"


def projector_keys(kind: str, prefix: str) -> tuple[_Pairs, list[str]]:
    """Our names with the checkpoint's under `prefix`, and patterns of keys that are dropped.

    `simple` repeats two modules: a .bin file holds their tensors again under each repetition's
    number, a safetensors file does not. They are the same, so the first ones alone are read.
    """
    part = read_kind(kind)
    if part["linear"]:
        return [("projector.layers.0", prefix)], []
    if not (part["grid"] or part["queried"]):
        block = ".block" if part["pool"] else ""
        return [("projector.layers.{n}", f"{prefix}{block}.{{n}}")], []
    pairs = [
        ("projector.layers.{n}", prefix + ".proj_in.{n}"),
        ("projector.out.{n}", prefix + ".proj_out.{n}"),
    ]
    if part["queried"]:
        return pairs + _qformer_pairs(prefix), []
    repeated = []
    pairs.append(("projector.bridge.shrink", prefix + ".down2"))
    for stage, block in (("before", ".block_in"), ("after", ".block_out")):
        own, place = f"projector.bridge.{stage}.", prefix + block
        pairs += [(own + ours, f"{place}.{theirs}") for ours, theirs in _STAGE]
        numbers = "|".join(map(str, range(2, 2 * int(part[stage]))))
        repeated += [rf"{re.escape(place)}\.(?:{numbers})\..*"] if numbers else []
    return pairs, repeated


def _qformer_pairs(prefix: str) -> _Pairs:
    block, layer = "projector.bridge.blocks.{n}.", prefix + ".qformer.encoder.layer.{n}."
    return [
        ("projector.bridge.queries", prefix + ".query_tokens"),
        ("projector.bridge.norm", prefix + ".qformer.layernorm"),
        *((block + ours, layer + theirs) for ours, theirs in _ATTENTION + _CROSS + _MLP),
    ]
