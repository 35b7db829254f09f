"""The table of the keys in a transformers LLaVA checkpoint to our parameters.

Of each name there are generations: transformers up to 4.51, and what 5 still writes, puts
`language_model.` before a whole causal model and `vision_tower.` before the tower; the modules in
memory since 4.52, saved by other tools, are called `model.language_model.` and so on. The tower's
own `vision_model.` is there or not.
"""

from __future__ import annotations

from collections.abc import Iterator

from .backbones import Family
from .convert import KeyTable, tower_rows

_TOWERS = ("vision_tower.vision_model.", "vision_tower.", "model.vision_tower.vision_model.",
           "model.vision_tower.")  # fmt: skip
_PROJECTORS = ("multi_modal_projector.", "model.multi_modal_projector.")


def transformers_table(family: Family, used_layers: int) -> KeyTable:
    """Decoder, projector and tower of one checkpoint; of the tower the used layers only."""
    pairs = [
        (f"decoder.{ours}", generation)
        for ours, theirs in _decoder_names(family)
        for generation in text_keys(theirs, family.root)
    ]
    for prefix in _PROJECTORS:
        pairs += [(f"projector.layers.{2 * n}", f"{prefix}linear_{n + 1}") for n in range(2)]
    tower, dropped = tower_rows(used_layers, _TOWERS)
    pairs += tower
    return KeyTable(tuple(pairs), (*dropped, r".*\.rotary_emb\.inv_freq"))


def text_keys(key: str, root: str) -> tuple[str, str]:
    """A causal model's own key in both generations; the first is the one that is written."""
    if key.startswith(root):
        return f"language_model.{key}", f"model.language_model.{key.removeprefix(root)}"
    return f"language_model.{key}", key


def _decoder_names(family: Family) -> Iterator[tuple[str, str]]:
    yield from family.names.items()
    for ours, theirs in family.mlp_names.items():
        yield f"blocks.{{n}}.mlp.{ours}", f"{family.layer}mlp.{theirs}"
