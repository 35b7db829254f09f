"""BLIP-2's Q-Former (Li et al. 2023, arXiv 2301.12597): M queries read an image's features.

As in Hugging Face's eager implementation, with cross-attention in every layer and no text side.
I images, P features, M queries, H heads, D width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import BRIDGE_HEADS, QFormerConfig
from .layers import MLP

NORM_EPS = 1e-12  # BERT's


class QFormer(nn.Module):
    """Features (I, P, D) to what the queries found in them, (I, M, D)."""

    def __init__(self, config: QFormerConfig) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.zeros(1, config.queries, config.width))
        self.norm = nn.LayerNorm(config.width, eps=NORM_EPS)
        self.blocks = nn.ModuleList(QFormerBlock(config) for _ in range(config.layers))

    def forward(self, features: Tensor) -> Tensor:
        x: Tensor = self.norm(self.queries).expand(len(features), -1, -1)  # (I, M, D)
        for block in self.blocks:
            x = block(x, features)
        return x


class QFormerBlock(nn.Module):
    """Attention among the queries, then to the features, then an MLP; BERT's norm after each."""

    def __init__(self, config: QFormerConfig) -> None:
        super().__init__()
        width = config.width
        self.attention = QFormerAttention(width)
        self.attention_norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.cross = QFormerAttention(width)
        self.cross_norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = MLP(width, config.mlp_width, "gelu", gated=False, bias=True)
        self.mlp_norm = nn.LayerNorm(width, eps=NORM_EPS)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        x = self.attention_norm(x + self.attention(x, x))
        x = self.cross_norm(x + self.cross(x, features))
        out: Tensor = self.mlp_norm(x + self.mlp(x))
        return out


class QFormerAttention(nn.Module):
    """(I, M, D) looking at `seen` (I, P, D), to (I, M, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        parts = self.query(x), self.key(seen), self.value(seen)
        queries, keys, values = (p.unflatten(-1, (BRIDGE_HEADS, -1)).transpose(1, 2) for p in parts)
        mixed = F.scaled_dot_product_attention(queries, keys, values)  # (I, H, M, D / H)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out
