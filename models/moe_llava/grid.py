"""Image features as a square grid of patches: pooled, convolved, looked over by ViT blocks.

I images, P patches in row-major order, S = sqrt(P) the grid's side, H heads, D width.
"""

from __future__ import annotations

from math import isqrt

import torch.nn.functional as F
from torch import Tensor, nn

from .config import BRIDGE_HEADS, GridConfig
from .layers import MLP


def halved(x: Tensor) -> Tensor:
    """The mean of each 2x2 patches, (I, P, D) to (I, (S // 2)^2, D); an odd rim is left out."""
    return _rows(F.avg_pool2d(_grid(x), 2))


class GridBridge(nn.Module):
    """`simple_inA_outB`: pooled, A stages, the rim taken off by a convolution, B stages."""

    def __init__(self, config: GridConfig) -> None:
        super().__init__()
        width = config.width
        self.before = GridStage(config, config.before) if config.before else None
        self.shrink = nn.Conv2d(width, width, 3) if config.after else None
        self.after = GridStage(config, config.after) if config.after else None

    def forward(self, x: Tensor) -> Tensor:
        x = halved(x)
        if self.before is not None:
            x = self.before(x)
        if self.shrink is not None and self.after is not None:
            x = self.after(_rows(self.shrink(_grid(x))))  # side S - 2
        return x


class GridStage(nn.Module):
    """A convolution over the grid and a ViT block, (I, P, D) to (I, P, D), `times` over.

    The original repeats the same two modules: however often they run, their weights are one.
    """

    def __init__(self, config: GridConfig, times: int) -> None:
        super().__init__()
        width = config.width
        self.times = times
        self.conv_norm = nn.GroupNorm(BRIDGE_HEADS, width, eps=1e-6)
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = GridAttention(width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = MLP(width, config.mlp_width, "gelu", gated=False, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = x + _rows(F.gelu(self.conv(self.conv_norm(_grid(x)))))
            x = x + self.attention(self.attention_norm(x))
            x = x + self.mlp(self.mlp_norm(x))
        return x


class GridAttention(nn.Module):
    """Full self-attention as in timm 0.6.13's ViT block: one projection without bias for three."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(x).chunk(3, dim=-1)
        queries, keys, values = (p.unflatten(-1, (BRIDGE_HEADS, -1)).transpose(1, 2) for p in parts)
        mixed = F.scaled_dot_product_attention(queries, keys, values)  # (I, H, P, D / H)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


def _grid(x: Tensor) -> Tensor:
    """(I, P, D) to (I, D, S, S)."""
    side = isqrt(x.shape[1])
    return x.transpose(1, 2).reshape(len(x), -1, side, side)


def _rows(grid: Tensor) -> Tensor:
    """(I, D, S, S) to (I, P, D)."""
    return grid.flatten(2).transpose(1, 2)
