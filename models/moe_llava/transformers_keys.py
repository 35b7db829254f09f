"""The table of the keys in a transformers LLaVA checkpoint to our parameters.

Of each name there are generations: transformers up to 4.51, and what 5 still writes, puts
`language_model.` before a whole causal model and `vision_tower.` before the tower; the modules in
memory since 4.52, saved by other tools, are called `model.language_model.` and so on. The tower's
own `vision_model.` is there or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lvlm_eval.errors import CheckpointError

from .backbones import Family
from .convert import KeyTable, tower_rows
from .reading import read_tensor
from .stored import Stored

_TOWERS = ("vision_tower.vision_model.", "vision_tower.", "model.vision_tower.vision_model.",
           "model.vision_tower.")  # fmt: skip
_HEAD_BIAS = r"(?:language_model\.)?lm_head\.bias"
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
    return KeyTable(tuple(pairs), (*dropped, r".*\.rotary_emb\.inv_freq", _HEAD_BIAS))


def check_head_bias(tensors: Iterable[Stored]) -> None:
    """CheckpointError for a head's bias that is not zero.

    Before 4.52 transformers' LLaVA held a whole Phi, whose head has a bias; neither its classes
    of today nor LLaVA's authors' have it. Zeros can be dropped by name, anything else counted.
    """
    for stored in tensors:
        if re.fullmatch(_HEAD_BIAS, stored.key) and read_tensor(stored).any():
            raise CheckpointError(
                f"{stored.file}: {stored.key!r} is not zero; the head has no bias here, nor in "
                "transformers since 4.52, and answers would differ without it"
            )


def text_keys(key: str, root: str) -> tuple[str, str]:
    """A causal model's own key in both generations; the first is the one that is written."""
    if key.startswith(root):
        return f"language_model.{key}", f"model.language_model.{key.removeprefix(root)}"
    return f"language_model.{key}", key


def _decoder_names(family: Family) -> Iterator[tuple[str, str]]:
    yield from family.names.items()
    for ours, theirs in family.mlp_names.items():
        yield f"blocks.{{n}}.mlp.{ours}", f"{family.layer}mlp.{theirs}"
