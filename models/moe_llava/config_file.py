"""config.json of a checkpoint, and of its tower, to checked values; and back, for saving.

LLaVA-1.5's names (mm_vision_tower, mm_projector_type) are understood as well as MoE-LLaVA's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast

from lvlm_eval.errors import CheckpointError
from lvlm_eval.schema import JSON

from .backbones import FAMILIES, Family
from .config import (
    DecoderConfig,
    MoEConfig,
    NetworkConfig,
    SelectFeature,
    VisionConfig,
)
from .decoder_file import activation, decoder_config, decoder_json, moe_config, moe_json
from .fields import Fields
from .projector_kinds import projector_config, projector_kind, read_kind
from .splice import Side
from .transformers_config import is_transformers, original_fields, tower_fields

# Whose names config.json and weights have: LLaVA's authors' or transformers' own class.
Layout = Literal["original", "transformers"]


@dataclass(frozen=True, slots=True)
class InputConfig:
    """How prompts and pictures enter the network.

    tower: hub name of the image tower, "" for a model without one.
    aspect_ratio: "pad" makes pictures square before the tower's own processor.
    max_length: positions after splicing; None is no limit.
    start_end: the picture stands between <im_start> and <im_end>.
    """

    tower: str = ""
    aspect_ratio: str = "square"
    side: Side = "right"
    max_length: int | None = None
    start_end: bool = False


@dataclass(frozen=True, slots=True)
class CheckpointConfig:
    """What config.json says; the vocabulary is the tokenizer's business and the tower its own.

    own_tower: the tower's configuration where its weights are in this checkpoint, as transformers
    has it.
    """

    family: Family
    decoder: DecoderConfig
    moe: MoEConfig | None
    inputs: InputConfig
    projector_kind: str
    select_layer: int
    select_feature: SelectFeature
    layout: Layout = "original"
    own_tower: Fields | None = None

    def network(self, tower: Fields | None, vocab_size: int) -> NetworkConfig:
        """The network for a tokenizer of so many tokens and the tower's config.json.

        Rows beyond these are no tokens, so they are no answers either. ValueError for a tokenizer
        that has more tokens than transformers' layout has rows.
        """
        if self.layout == "transformers" and vocab_size > self.decoder.vocab_size:
            raise ValueError(
                f"the tokenizer has {vocab_size} tokens, vocab_size is {self.decoder.vocab_size}; "
                "the model has no vectors for the rest: is it this model's tokenizer?"
            )
        decoder = replace(self.decoder, vocab_size=vocab_size)
        if tower is None:
            return NetworkConfig(decoder, moe=self.moe)
        vision = vision_config(tower, self.select_layer, self.select_feature)
        projector = projector_config(self.projector_kind, vision.width, decoder.width)
        return NetworkConfig(decoder, vision, projector, self.moe)


def read_config(fields: Fields) -> CheckpointConfig:
    """A checkpoint's config.json, checked; what no row of backbones.py knows is an error."""
    if is_transformers(fields):
        config = read_config(original_fields(fields))
        return replace(config, layout="transformers", own_tower=tower_fields(fields))
    model_type = fields.text("model_type", "")
    # what is left of "llava" are LLaVA's own files from before 1.2, whose decoder is a Llama
    family = FAMILIES.get("llava_llama" if model_type == "llava" else model_type)
    if family is None:
        known = ", ".join(sorted(FAMILIES))
        raise CheckpointError(f"{fields.origin}: model_type {model_type!r} is none of {known}")
    try:
        return _read(fields, family)
    except ValueError as error:
        raise CheckpointError(f"{fields.origin}: {error}") from None


def _read(fields: Fields, family: Family) -> CheckpointConfig:
    select_feature = fields.text("mm_vision_select_feature", "patch")
    if select_feature not in ("patch", "cls_patch"):
        raise ValueError(f"mm_vision_select_feature {select_feature!r} is unknown")
    decoder, moe = decoder_config(fields, family), fields.fields("moe")
    kind = fields.text("image_projector_type", fields.text("mm_projector_type", "linear"))
    read_kind(kind)
    return CheckpointConfig(
        family=family,
        decoder=decoder,
        moe=moe_config(moe, decoder.layers),
        inputs=_inputs(fields),
        projector_kind=kind,
        select_layer=fields.integer("mm_vision_select_layer", -2),
        select_feature=cast("SelectFeature", select_feature),
    )


def _inputs(fields: Fields) -> InputConfig:
    side = fields.text("tokenizer_padding_side", "right")
    if side not in ("left", "right"):
        raise ValueError(f"tokenizer_padding_side {side!r} is neither left nor right")
    limit = fields.integer("tokenizer_model_max_length", 0)
    aspect_ratio = fields.text("image_aspect_ratio", "square")
    if aspect_ratio.startswith("anyres"):  # any other value means: not padded
        raise ValueError(
            f"image_aspect_ratio {aspect_ratio!r} cuts pictures into tiles, as LLaVA-NeXT does; "
            "MoE-LLaVA and LLaVA-1.5 do not"
        )
    return InputConfig(
        tower=fields.text("mm_image_tower", fields.text("mm_vision_tower", "")),
        aspect_ratio=aspect_ratio,
        side=cast("Side", side),
        max_length=limit or None,
        start_end=fields.flag("mm_use_im_start_end"),
    )


def vision_config(tower: Fields, select_layer: int, select_feature: SelectFeature) -> VisionConfig:
    """The tower's config.json: a whole CLIP or SigLIP, or its vision half; class defaults apply.

    The defaults are those of CLIPVisionConfig and SiglipVisionConfig (ViT-B), which saved
    files leave out.
    """
    fields = tower.fields("vision_config") or tower
    kind = fields.text("model_type", tower.text("model_type", ""))
    clip = kind in ("clip", "clip_vision_model")
    if not clip and kind not in ("siglip", "siglip_vision_model"):
        raise CheckpointError(
            f"{tower.origin}: a tower of model_type {kind!r} is not known; there are clip and "
            "siglip (SigLIP 2 of a fixed size calls itself siglip)"
        )
    return VisionConfig(
        width=fields.integer("hidden_size", 768),
        mlp_width=fields.integer("intermediate_size", 3072),
        layers=fields.integer("num_hidden_layers", 12),
        heads=fields.integer("num_attention_heads", 12),
        image_size=fields.integer("image_size", 224),
        patch_size=fields.integer("patch_size", 32 if clip else 16),
        activation=activation(
            fields.text("hidden_act", "quick_gelu" if clip else "gelu_pytorch_tanh")
        ),
        norm_eps=fields.number("layer_norm_eps", 1e-5 if clip else 1e-6),
        class_token=clip,
        patch_bias=not clip,
        select_layer=select_layer,
        select_feature=select_feature,
    )


def config_json(config: NetworkConfig, family: Family, inputs: InputConfig) -> dict[str, JSON]:
    """The config.json that MoE-LLaVA's trainer would write for this network.

    Reading it back gives the same values; the tower's own config.json is not part of it.
    """
    values: dict[str, JSON] = {
        "model_type": f"{'moe_' if config.moe else ''}llava_{family.name}",
        **decoder_json(config.decoder, family),
        "image_aspect_ratio": inputs.aspect_ratio,
        "tokenizer_padding_side": inputs.side,
        "mm_use_im_start_end": inputs.start_end,
        "mm_image_tower": inputs.tower or None,
    }
    if inputs.max_length is not None:
        values["tokenizer_model_max_length"] = inputs.max_length
    if config.vision and config.projector:
        values |= {
            "image_projector_type": projector_kind(config.projector),
            "mm_hidden_size": config.vision.width,
            "mm_vision_select_layer": config.vision.select_layer,
            "mm_vision_select_feature": config.vision.select_feature,
        }
    return values | ({"moe": moe_json(config.moe)} if config.moe else {})
