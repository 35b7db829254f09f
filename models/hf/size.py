"""How large a model of transformers is, from the headers of its weight files."""

from __future__ import annotations

import math
from pathlib import Path

import transformers
from safetensors import safe_open

# What configurations call the experts that there are, and those that a token is sent to.
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
_CHOSEN = ("num_experts_per_tok", "moe_topk", "top_k_experts")


def size_of(config: transformers.PreTrainedConfig, files: list[Path]) -> dict[str, int]:
    """parameters: of all tensors stored, padding and frozen ones too. activated: without the
    experts that a token is not sent to; left out where the configuration does not say how many
    these are. image_size: pixels a side, where the tower has one size.

    Empty for weights that are not safetensors: their headers cannot be read alone.
    """
    if any(file.suffix != ".safetensors" for file in files):
        return {}
    total, in_experts = 0, 0
    for file in files:
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118  # not a dict
                count = math.prod(opened.get_slice(name).get_shape())
                total += count
                in_experts += count if ".experts." in name else 0
    found = {"parameters": total} | _image_size(config)
    share = _share(config.get_text_config())
    if not in_experts:
        return found | {"activated": total}
    return (
        found if share is None else found | {"activated": total - round(in_experts * (1 - share))}
    )


def _share(text: transformers.PreTrainedConfig) -> float | None:
    """Which share of a layer's experts one token meets."""
    experts = next((getattr(text, name) for name in _EXPERTS if hasattr(text, name)), None)
    chosen = next((getattr(text, name) for name in _CHOSEN if hasattr(text, name)), None)
    return chosen / experts if isinstance(experts, int) and isinstance(chosen, int) else None


def _image_size(config: transformers.PreTrainedConfig) -> dict[str, int]:
    size = getattr(getattr(config, "vision_config", None), "image_size", None)
    return {"image_size": size} if isinstance(size, int) else {}
