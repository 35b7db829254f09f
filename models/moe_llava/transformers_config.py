"""config.json of transformers' LlavaForConditionalGeneration in the words of LLaVA's authors.

There the decoder's settings are an object of their own, `text_config`, as are the tower's,
`vision_config`: the tower's weights lie in the same files. The way back is `convert`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvlm_eval.errors import CheckpointError
from lvlm_eval.schema import JSON

from .fields import Fields

# Their vision_feature_select_strategy to LLaVA's own mm_vision_select_feature.
SELECT: Mapping[str, str] = {"default": "patch", "full": "cls_patch"}
# Where a conversion keeps the original's config.json, `config`, which these classes carry along.
KEPT = "llava_original"
# What of it still counts: transformers has no field for these.
_KEPT_FIELDS = (
    "mm_use_im_start_end",
    "mm_use_im_patch_token",
    "tokenizer_padding_side",
    "tokenizer_model_max_length",
)
# What LlavaConfig puts where config.json has no vision_config at all: CLIP ViT-L/14 at 336.
_TOWER: Mapping[str, JSON] = {
    "model_type": "clip_vision_model",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "patch_size": 14,
    "image_size": 336,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
}


@dataclass(frozen=True, slots=True)
class TextModel:
    """A text_config.model_type: LLaVA's family for it and what its class fills in.

    defaults: of the fields that decide the arithmetic; saved files leave them out.
    renamed: their names to the family's. off: must be false or absent for it to be the same.
    """

    family: str
    defaults: Mapping[str, JSON]
    renamed: Mapping[str, str] = field(default_factory=dict)
    off: tuple[str, ...] = ()


def _sizes(vocab: int, width: int, mlp: int, layers: int) -> dict[str, JSON]:
    return {
        "vocab_size": vocab,
        "hidden_size": width,
        "intermediate_size": mlp,
        "num_hidden_layers": layers,
        "num_attention_heads": 32,
    }


# The defaults are those of the configuration classes of transformers 5.
TEXT_MODELS: Mapping[str, TextModel] = {
    "llama": TextModel(
        "llama",
        _sizes(32000, 4096, 11008, 32) | {"hidden_act": "silu", "rms_norm_eps": 1e-6},
        off=("mlp_bias",),
    ),
    "mistral": TextModel(
        "mistral",
        _sizes(32000, 4096, 14336, 32)
        | {"hidden_act": "silu", "rms_norm_eps": 1e-6}
        | {"num_key_value_heads": 8, "sliding_window": 4096},
    ),
    "qwen2": TextModel(
        "qwen1_5",
        _sizes(151936, 4096, 22016, 32)
        | {"hidden_act": "silu", "rms_norm_eps": 1e-6}
        | {"num_key_value_heads": 32, "use_sliding_window": False},
    ),
    "phi": TextModel(
        "phi",
        _sizes(51200, 2048, 8192, 24)
        | {"hidden_act": "gelu_new", "layer_norm_eps": 1e-5, "partial_rotary_factor": 0.5},
    ),
    "stablelm": TextModel(
        "stablelm",
        _sizes(50304, 2560, 6912, 32)
        | {"hidden_act": "silu", "layer_norm_eps": 1e-5, "partial_rotary_factor": 0.25}
        | {"num_key_value_heads": 32, "use_qkv_bias": False},
        renamed={"layer_norm_eps": "norm_eps", "partial_rotary_factor": "rope_pct"},
        off=("qk_layernorm", "use_parallel_residual"),
    ),
}


def is_transformers(fields: Fields) -> bool:
    """Whether this is LlavaForConditionalGeneration's and not a file of LLaVA's authors.

    Before 1.2 they, too, wrote model_type "llava", but beside mm_vision_tower.
    """
    return fields.values.get("model_type") == "llava" and "mm_vision_tower" not in fields.values


def tower_fields(fields: Fields) -> Fields:
    """The tower's own configuration, as its folder would hold it."""
    tower = fields.fields("vision_config")
    if tower is None:
        return Fields(_TOWER, f"{fields.origin}: vision_config")
    return Fields({"model_type": _TOWER["model_type"], **tower.values}, tower.origin)


def original_fields(fields: Fields) -> Fields:
    """The same settings under the names that LLaVA's own config.json has; the tower's left out.

    CheckpointError for what that cannot say: several feature layers, a projector without
    biases or with another activation, a text model that is none of TEXT_MODELS.
    """
    text = fields.fields("text_config") or Fields({}, fields.origin)
    kind = text.text("model_type", "llama")
    model = TEXT_MODELS.get(kind)
    if model is None:
        known = ", ".join(TEXT_MODELS)
        raise CheckpointError(f"{text.origin}: model_type {kind!r} is none of {known}")
    values = {**_kept(fields), **_text_values(text, model)}
    values |= {
        "model_type": f"llava_{model.family}",
        "image_projector_type": _projector(fields),
        "mm_vision_select_layer": _select_layer(fields),
        "mm_vision_select_feature": _select_feature(fields),
        "tie_word_embeddings": fields.flag("tie_word_embeddings")
        or text.flag("tie_word_embeddings"),
    }
    return Fields(values, fields.origin)


def _kept(fields: Fields) -> dict[str, JSON]:
    kept = fields.fields(KEPT)
    config = kept.fields("config") if kept else None
    return {k: config.values[k] for k in _KEPT_FIELDS if k in config.values} if config else {}


def _text_values(text: Fields, model: TextModel) -> dict[str, JSON]:
    """text_config with its class's defaults and the family's names; rotary settings flat."""
    present = {key: value for key, value in text.values.items() if value is not None}
    values: dict[str, JSON] = {**model.defaults, **present, **_rotary(text)}
    if "sliding_window" in text.values:  # null is a value there: no window
        values["sliding_window"] = text.values["sliding_window"]
    wrong = [key for key in model.off if values.get(key)]
    if wrong:
        raise CheckpointError(f"{text.origin}: {wrong[0]!r} must be false; its arithmetic differs")
    flat = Fields(values, text.origin)
    heads, width = flat.integer("num_attention_heads"), flat.integer("hidden_size")
    if flat.integer("head_dim", width // max(heads, 1)) * heads != width:
        raise CheckpointError(f"{text.origin}: head_dim times num_attention_heads must be {width}")
    return {model.renamed.get(key, key): value for key, value in values.items()}


def _rotary(text: Fields) -> dict[str, JSON]:
    """transformers 5 keeps in `rope_parameters` what were three fields before."""
    parameters = text.fields("rope_parameters")
    if parameters is None:
        return {}
    known = ("rope_theta", "partial_rotary_factor")
    values = {key: parameters.values[key] for key in known if key in parameters.values}
    kind = parameters.text("rope_type", "default")
    if kind != "default":
        rest = {k: v for k, v in parameters.values.items() if k not in (*known, "rope_type")}
        values["rope_scaling"] = {"type": kind, **rest}
    return values


def _projector(fields: Fields) -> str:
    """Two linear layers with an activation between them: the only projector there is there."""
    activation = fields.text("projector_hidden_act", "gelu")
    if activation != "gelu" or not fields.flag("multimodal_projector_bias", True):
        raise CheckpointError(
            f"{fields.origin}: the projector must have biases and projector_hidden_act gelu; "
            f"got {activation!r}"
        )
    return "mlp2x_gelu"


def _select_layer(fields: Fields) -> int:
    layer = fields.values.get("vision_feature_layer", -2)
    if isinstance(layer, list):
        if len(layer) != 1:
            raise CheckpointError(
                f"{fields.origin}: vision_feature_layer {layer}: LLaVA takes one layer's features"
            )
        layer = layer[0]
    return Fields({"vision_feature_layer": layer}, fields.origin).integer(
        "vision_feature_layer", -2
    )


def _select_feature(fields: Fields) -> str:
    strategy = fields.text("vision_feature_select_strategy", "default")
    if strategy not in SELECT:
        raise CheckpointError(
            f"{fields.origin}: vision_feature_select_strategy {strategy!r} is none of "
            f"{', '.join(SELECT)}"
        )
    return SELECT[strategy]
