"""The keys of a checkpoint in one layout to those in the other.

Only names change: a tensor keeps its values, its rows and its type. None stands for a key that is
dropped by name; a key that is no part of the architecture is a CheckpointError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lvlm_eval.errors import CheckpointError

from ..convert import KeyTable

# MoE-LLaVA's projector, and LLaVA-1.5's
MOE_LLAVA, LLAVA = "mm_projector.image_spatial_proj.", "mm_projector."
_LINEAR: Mapping[str, str] = {"0": "linear_1", "2": "linear_2"}
_VISION = re.compile(
    r"(?:vision_model\.)?((?:embeddings|encoder|pre_layrnorm|post_layernorm|head)\..*)"
)
_NOT_VISION = re.compile(
    r"(text_model|text_projection|visual_projection)\..*|logit_(scale|bias)|(.*\.)?position_ids"
)


def to_transformers(key: str, table: KeyTable, root: str) -> str | None:
    """transformers' key for one of the original's, whose table is given."""
    if table.ours(key) is None:
        return None
    inner = key.removeprefix(root)
    for prefix in (MOE_LLAVA, LLAVA):
        if inner.startswith(prefix):
            layer, _, end = inner.removeprefix(prefix).partition(".")
            return f"multi_modal_projector.{_LINEAR[layer]}.{end}"
    return f"language_model.{key}"


def to_original(key: str, table: KeyTable, root: str, projector: str) -> str | None:
    """The original's key for one of transformers', whose table is given; not for the tower's.

    projector: MOE_LLAVA or LLAVA, the names that it is to have.
    """
    if table.ours(key) is None:
        return None
    bare = key.removeprefix("model.")
    if bare.startswith("multi_modal_projector."):
        _, name, end = bare.split(".", 2)
        layer = next(layer for layer, linear in _LINEAR.items() if linear == name)
        return f"{root}{projector}{layer}.{end}"
    if key.startswith("model.language_model."):
        return root + key.removeprefix("model.language_model.")
    return key.removeprefix("language_model.")


def in_tower(key: str) -> str | None:
    """What stands behind the tower's prefix in transformers' layout; None for other parts."""
    found = re.fullmatch(r"(?:model\.)?vision_tower\.(.*)", key)
    return found.group(1) if found else None


def tower_key(key: str, origin: str) -> str | None:
    """A key of a tower alone as `vision_model.` and the rest; None for what is no vision."""
    if _NOT_VISION.fullmatch(key):
        return None
    found = _VISION.fullmatch(key)
    if found is None:
        raise CheckpointError(f"{origin}: {key!r} is no part of a CLIP or SigLIP tower")
    return f"vision_model.{found.group(1)}"
