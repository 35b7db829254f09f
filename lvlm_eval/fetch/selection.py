"""Which of a model's files are needed: settings, tokenizer, and the weights in one format.

No code, no optimizer states, no weights of other frameworks. Of the weights what the reader
prefers: sharded safetensors, one safetensors, sharded .bin, one .bin; else a LoRA adapter with
what was trained beside it, else a projector alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from lvlm_eval.errors import FetchError
from lvlm_eval.schema import JSON

ReadJson = Callable[[str], JSON]  # a file's name to its content

_PREPROCESSING = ("preprocessor_config.json", "processor_config.json")  # the latter: transformers 5
_SETTINGS = (
    *("config.json", "generation_config.json", "adapter_config.json", *_PREPROCESSING),
    *("chat_template.json", "chat_template.jinja"),
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt"),
)
_WHOLE = ("model.safetensors", "pytorch_model.bin")
_ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")


def choose(names: Collection[str], read: ReadJson, of: str) -> list[str]:
    """A checkpoint's files; FetchError if it is none."""
    small = [name for name in names if name in _SETTINGS or name.endswith(".tiktoken")]
    return sorted(small) + _weights(names, read, of)


def choose_tower(names: Collection[str], read: ReadJson, of: str) -> list[str]:
    """An image tower's files: its tokenizer is not needed."""
    settings = [name for name in _PREPROCESSING if name in names]
    if not settings:
        raise FetchError(f"{of} is no image tower: it has no {_PREPROCESSING[0]}")
    return ["config.json", *settings, *_weights(names, read, of)]


def tower_of(config: JSON) -> str:
    """The name of the image tower that a config.json asks for, "" for none.

    MoE-LLaVA writes mm_image_tower, LLaVA-1.5 mm_vision_tower; null is none.
    """
    if not isinstance(config, Mapping):
        return ""
    named = config.get("mm_image_tower") or config.get("mm_vision_tower")
    return named if isinstance(named, str) else ""


def _weights(names: Collection[str], read: ReadJson, of: str) -> list[str]:
    if "config.json" not in names:
        raise FetchError(f"{of} is no checkpoint: it has no config.json")
    for whole in _WHOLE:
        index = f"{whole}.index.json"
        if index in names:
            return [index, *_shards(index, names, read, of)]
        if whole in names:
            return [whole]
    for adapter in _ADAPTERS:
        if adapter in names:
            return [adapter, *(n for n in ("non_lora_trainables.bin",) if n in names)]
    if "mm_projector.bin" in names:
        return ["mm_projector.bin"]
    raise FetchError(
        f"{of} has no weights that are read here: {', '.join(_WHOLE)} or their index, "
        f"{', '.join(_ADAPTERS)}, mm_projector.bin"
    )


def _shards(index: str, names: Collection[str], read: ReadJson, of: str) -> list[str]:
    content = read(index)
    weight_map = content.get("weight_map") if isinstance(content, Mapping) else None
    if not isinstance(weight_map, Mapping) or not weight_map:
        raise FetchError(f"{of}: {index} has no weight_map")
    shards = sorted({str(name) for name in weight_map.values()})
    missing = [shard for shard in shards if shard not in names]
    if missing:
        raise FetchError(f"{of}: {index} names shards that are not there: {', '.join(missing)}")
    return shards
