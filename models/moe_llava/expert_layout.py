"""Whether config.json and the weights agree on which decoder layers have experts.

A `moe` dictionary that contradicts the weights would show as hundreds of unknown, missing or
misshapen tensors; one message says both sides instead, before anything is read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from lvlm_eval.errors import CheckpointError

from .config import MoEConfig

_MLP = re.compile(r"decoder\.blocks\.(\d+)\.mlp\.(?:experts\.(\d+)|(shared|mixer)|router)?.*")


def check_experts(moe: MoEConfig | None, names: Iterable[str], origin: str) -> None:
    """CheckpointError where the layers that the weights hold differ from config.json's.

    names: our names of the parameters that the weights hold. Layers of which they hold no MLP
    at all are not this function's business.
    """
    held = layout_of(names)
    wrong: dict[tuple[str, str], list[int]] = defaultdict(list)
    for layer, kind in held.items():
        said = _said(moe, layer)
        if said != kind:
            wrong[said, kind].append(layer)
    if not wrong:
        return
    parts = [
        f"{_layers(layers)}: config.json says {said}, the weights hold {kind}"
        for (said, kind), layers in wrong.items()
    ]
    raise CheckpointError(
        f"{origin}: config.json and the weights contradict each other in {'; in '.join(parts)}. "
        "Take the config.json that was saved with these weights"
    )


def layout_of(names: Iterable[str]) -> Mapping[int, str]:
    """Layers, in order, to what their MLP is in words, by our names of its parameters."""
    experts: dict[int, set[int]] = defaultdict(set)
    residual: set[int] = set()
    for found in filter(None, map(_MLP.fullmatch, names)):
        layer = int(found[1])
        experts[layer] |= {int(found[2])} if found[2] else set()
        residual |= {layer} if found[3] else set()
    return {n: _words(len(experts[n]), n in residual) for n in sorted(experts)}


def _said(moe: MoEConfig | None, layer: int) -> str:
    count = moe.experts_of(layer) if moe else 0
    return _words(count, bool(count and moe and moe.residual))


def _words(experts: int, residual: bool) -> str:
    if not experts and not residual:
        return "a dense MLP"
    return f"{experts} experts" + (" and a residual branch" if residual else "")


def _layers(layers: list[int]) -> str:
    shown = ", ".join(map(str, layers[:8])) + (", ..." if len(layers) > 8 else "")
    return f"layer {shown}" if len(layers) == 1 else f"layers {shown}"
