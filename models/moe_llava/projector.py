"""From the tower's vectors to the decoder's: every projector of the original's builder.

I images, P vectors of one before the projector, M after it, D width.
"""

from __future__ import annotations

from torch import Tensor, nn

from .config import GridConfig, ProjectorConfig
from .grid import GridBridge, halved
from .qformer import QFormer


class Projector(nn.Module):
    """Linear layers with exact GELU between them, (I, P, D_vision) to (I, M, D).

    The grid may be pooled before them; a bridge and two more layers may follow.
    """

    def __init__(self, config: ProjectorConfig) -> None:
        super().__init__()
        self.config, self.pool = config, config.pool
        bridge = config.bridge
        width = config.out_width if bridge is None else bridge.width
        self.layers = _stack(config.depth, config.in_width, width)
        self.bridge: GridBridge | QFormer | None = None
        self.out: nn.Sequential | None = None
        if bridge is not None:
            self.bridge = GridBridge(bridge) if isinstance(bridge, GridConfig) else QFormer(bridge)
            self.out = _stack(2, width, config.out_width)

    def forward(self, features: Tensor) -> Tensor:
        if self.pool:
            features = halved(features)  # (I, P / 4, D_vision)
        projected: Tensor = self.layers(features)
        if self.bridge is not None and self.out is not None:
            projected = self.out(self.bridge(projected))  # (I, M, D)
        return projected


def _stack(depth: int, in_width: int, out_width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(depth):
        width = in_width if index == 0 else out_width
        layers += [nn.GELU()] * (index > 0) + [nn.Linear(width, out_width)]
    return nn.Sequential(*layers)
