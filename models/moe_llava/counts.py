"""How large a model is and how much of it works on a token: read from shapes, no weight loaded."""

from __future__ import annotations

from torch import nn

from .build import build_empty
from .config import NetworkConfig
from .moe import MoELayer


def size_of(config: NetworkConfig) -> dict[str, int]:
    """parameters: of all that runs. activated: of these, what one token meets: of a layer's
    experts its top k. image_size: pixels a side, where there is a tower."""
    network = build_empty(config)
    idle = sum(_idle(layer) for layer in network.modules() if isinstance(layer, MoELayer))
    total = _count(network)
    pixels = {"image_size": config.vision.image_size} if config.vision else {}
    return {"parameters": total, "activated": total - idle, **pixels}


def _idle(layer: MoELayer) -> int:
    """Parameters of the experts that a token is not sent to; all experts are alike."""
    experts = len(layer.experts)
    return _count(layer.experts) * (experts - layer.router.config.top_k) // experts


def _count(module: nn.Module) -> int:
    """Parameters, shared ones once."""
    return sum(parameter.numel() for parameter in module.parameters())
