"""From the tower's vectors to the decoder's: LLaVA-1.5's `linear`, `identity`, `mlpKx_gelu`."""

from __future__ import annotations

from torch import Tensor, nn

from .config import ProjectorConfig


class Projector(nn.Module):
    """K linear layers with exact GELU between them, (I, P, D_vision) to (I, P, D)."""

    def __init__(self, config: ProjectorConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(config.depth):
            width = config.in_width if index == 0 else config.out_width
            layers += [nn.GELU()] * (index > 0) + [nn.Linear(width, config.out_width)]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        projected: Tensor = self.layers(features)
        return projected
