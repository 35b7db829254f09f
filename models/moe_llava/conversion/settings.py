"""config.json and the picture processor's file, from one layout to the other.

What transformers has no field for is kept under `llava_original`, which its classes carry along
unread: with it the way back gives the original's config.json as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lvlm_eval.errors import CheckpointError
from lvlm_eval.schema import JSON

from ..config import VisionConfig
from ..config_file import CheckpointConfig, read_config
from ..decoder_file import decoder_json
from ..fields import Fields
from ..transformers_config import KEPT, SELECT, TEXT_MODELS, original_fields

# Fields of the decoder that stand in either file under the same name.
_SAME = (
    "hidden_act", "max_position_embeddings", "initializer_range", "rope_scaling", "sliding_window",
    "use_sliding_window", "max_window_layers", "attention_bias", "tie_word_embeddings",
    "bos_token_id", "eos_token_id", "pad_token_id",
)  # fmt: skip
_VISION = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size",
    "patch_size", "hidden_act", "layer_norm_eps", "projection_dim",
)  # fmt: skip
_IMAGE = "<image>"


@dataclass(frozen=True, slots=True)
class ImageToken:
    """The placeholder's id; added: whether the tokenizer gets it with this conversion.

    rows: of the embedding as stored; one more is written where the id is beyond them.
    made: the files that the tokenizer gets besides.
    """

    id: int
    added: bool
    rows: int
    made: tuple[str, ...]

    @property
    def rows_with_it(self) -> int:
        return max(self.rows, self.id + 1)


def transformers_config(
    fields: Fields, config: CheckpointConfig, tower: Fields, image: ImageToken, head: bool
) -> dict[str, JSON]:
    """LlavaForConditionalGeneration's config.json for an original one with its tower's.

    head: whether the tower's weights have SigLIP's pooling head.
    """
    network = config.network(tower, 1)
    assert network.vision is not None
    strategy = next(name for name, own in SELECT.items() if own == config.select_feature)
    return {
        "architectures": ["LlavaForConditionalGeneration"],
        "model_type": "llava",
        "image_token_index": image.id,
        "image_seq_length": network.vision.features,
        "projector_hidden_act": "gelu",
        "multimodal_projector_bias": True,
        "vision_feature_layer": config.select_layer,
        "vision_feature_select_strategy": strategy,
        "tie_word_embeddings": fields.flag("tie_word_embeddings"),
        "torch_dtype": fields.values.get("torch_dtype"),
        "text_config": _text(fields, config, image.rows_with_it),
        "vision_config": _vision(tower, network.vision, head),
        KEPT: {
            "config": dict(fields.values),
            "rows": image.rows,
            "image_token_added": image.added,
            "files_made": list(image.made),
        },
    }


def text_model(config: CheckpointConfig) -> str:
    """transformers' model_type for a family; CheckpointError where it has none that fits."""
    for name, model in TEXT_MODELS.items():
        if model.family == config.family.name:
            return name
    raise CheckpointError(
        f"transformers' LLaVA has no class for the backbone {config.family.name!r}; "
        f"it has one for {', '.join(model.family for model in TEXT_MODELS.values())}"
    )


def _text(fields: Fields, config: CheckpointConfig, rows: int) -> dict[str, JSON]:
    name = text_model(config)
    theirs = {own: name for name, own in TEXT_MODELS[name].renamed.items()}
    decoder = decoder_json(replace(config.decoder, vocab_size=rows), config.family)
    same = {key: fields.values[key] for key in _SAME if key in fields.values}
    values = {theirs.get(key, key): value for key, value in (decoder | same).items()}
    return {"model_type": name} | values


def _vision(tower: Fields, config: VisionConfig, head: bool) -> dict[str, JSON]:
    """The vision half's own fields, those of its class filled in that saved files leave out."""
    own = tower.fields("vision_config") or tower
    clip = config.class_token
    values: dict[str, JSON] = {
        "model_type": "clip_vision_model" if clip else "siglip_vision_model",
        "hidden_size": config.width,
        "intermediate_size": config.mlp_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "hidden_act": "quick_gelu" if clip else "gelu_pytorch_tanh",
        "layer_norm_eps": config.norm_eps,
    }
    values |= {key: own.values[key] for key in _VISION if key in own.values}
    return values if clip else values | {"vision_use_head": head}


def original_config(fields: Fields, rows: int, tower: str, pad: bool) -> dict[str, JSON]:
    """The original's config.json for a transformers one: the one that was kept, if it still fits.

    rows: of the embedding as it is written. tower: the name that the tower gets where none was
    kept. pad: whether the processor makes pictures square.
    """
    flat = original_fields(fields)
    names = ("mm_vision_tower", "mm_projector_type")
    if flat.text("model_type") not in ("llava_llama", "llava_mistral"):
        names = ("mm_image_tower", "image_projector_type")
    made: dict[str, JSON] = {
        "use_cache": True,
        "use_mm_proj": True,
        "mm_use_im_start_end": False,
        "mm_use_im_patch_token": False,
        "tokenizer_padding_side": "right",
        **{key: value for key, value in flat.values.items() if key != "image_projector_type"},
        "vocab_size": rows,
        "torch_dtype": fields.values.get("torch_dtype", fields.values.get("dtype")),
        names[0]: tower,
        names[1]: "mlp2x_gelu",
        "image_aspect_ratio": "pad" if pad else "square",
    }
    kept = kept_config(fields)
    if kept is None:
        return made
    kept = kept | {"vocab_size": rows}
    return kept if _same(kept, made, fields.origin) else kept | made


def kept_config(fields: Fields) -> dict[str, JSON] | None:
    """The original's config.json as it was before a conversion to transformers' layout."""
    kept = fields.fields(KEPT)
    config = kept.fields("config") if kept else None
    return dict(config.values) if config else None


def _same(kept: Mapping[str, JSON], made: Mapping[str, JSON], origin: str) -> bool:
    """Whether two files describe the same network and treatment of pictures."""
    first, second = (read_config(Fields(values, origin)) for values in (kept, made))
    parts = ("family", "decoder", "projector_kind", "select_layer", "select_feature")
    same = all(getattr(first, part) == getattr(second, part) for part in parts)
    return same and first.inputs.aspect_ratio == second.inputs.aspect_ratio


def transformers_processor(own: Fields, pad: bool) -> dict[str, JSON]:
    """The tower's preprocessor_config.json, as LLaVA's own class where pictures are padded."""
    values = dict(own.values)
    if not pad:
        return values
    defaults: dict[str, JSON] = {
        "do_resize": True,
        "do_center_crop": False,  # its class would crop where the tower's own does not
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "do_convert_rgb": True,
    }
    return defaults | values | {"image_processor_type": "LlavaImageProcessor", "do_pad": True}


def joint_processor(config: Mapping[str, JSON]) -> dict[str, JSON]:
    """processor_config.json for a config.json of transformers' layout."""
    vision = config["vision_config"]
    assert isinstance(vision, Mapping)
    return {
        "processor_class": "LlavaProcessor",
        "image_token": _IMAGE,
        "patch_size": vision["patch_size"],
        "vision_feature_select_strategy": config["vision_feature_select_strategy"],
        "num_additional_image_tokens": int(vision["model_type"] == "clip_vision_model"),
    }


def tower_processor(own: Fields, clip: bool) -> dict[str, JSON]:
    """The tower's own preprocessor_config.json again; padding is config.json's business there."""
    values = {key: value for key, value in own.values.items() if key != "do_pad"}
    if str(values.get("image_processor_type", "")).startswith("Llava"):
        values["image_processor_type"] = "CLIPImageProcessor" if clip else "SiglipImageProcessor"
    return values


def tower_config(own: Fields) -> dict[str, JSON]:
    """The config.json of a tower's own folder for the vision_config of a LLaVA."""
    name = "CLIPVisionModel" if own.text("model_type").startswith("clip") else "SiglipVisionModel"
    return {"architectures": [name], **own.values}
