"""The image tower: a CLIP (or SigLIP) ViT up to the layer whose output is used.

Radford et al. 2021 (arXiv 2103.00020), as in Hugging Face's eager implementation. Layers above
the selected one, the final norm and the pooling head do not exist here.
I images, S positions (patches and class token), P features, D width.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import VisionConfig
from .layers import MLP


class VisionAttention(nn.Module):
    """Full self-attention, (I, S, D) to (I, S, D)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        parts = (layer(x) for layer in (self.query, self.key, self.value))
        queries, keys, values = (p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in parts)
        mixed = F.scaled_dot_product_attention(queries, keys, values)  # (I, H, S, D / H)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class VisionBlock(nn.Module):
    """Pre-norm attention and MLP, each added to its input."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.attention = VisionAttention(config)
        self.mlp_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.mlp = MLP(config.width, config.mlp_width, config.activation, gated=False, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        out: Tensor = x + self.mlp(self.mlp_norm(x))
        return out


class VisionTower(nn.Module):
    """Pixels (I, 3, size, size) to features (I, P, D) of the selected layer."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        patch = config.patch_size
        self.patches = nn.Conv2d(3, config.width, patch, stride=patch, bias=config.patch_bias)
        self.class_token = nn.Parameter(torch.zeros(config.width)) if config.class_token else None
        self.positions = nn.Embedding(config.positions, config.width)
        # CLIP normalises its embeddings; SigLIP, the one without class token, does not.
        self.pre_norm = (
            nn.LayerNorm(config.width, eps=config.norm_eps) if config.class_token else None
        )
        self.blocks = nn.ModuleList(VisionBlock(config) for _ in range(config.used_layers))

    def forward(self, pixels: Tensor) -> Tensor:
        x = self._patches(pixels).flatten(2).transpose(1, 2)  # (I, patches, D)
        if self.class_token is not None:
            x = torch.cat((self.class_token.expand(len(x), 1, -1), x), dim=1)  # (I, S, D)
        x = x + self.positions.weight
        if self.pre_norm is not None:
            x = self.pre_norm(x)
        for block in self.blocks:
            x = block(x)
        features: Tensor = x[:, 1:] if self.config.select_feature == "patch" else x
        return features  # (I, P, D)

    def _patches(self, pixels: Tensor) -> Tensor:
        """(I, D, rows, columns). On a GPU torch would round fp32 to TF32 here, and only here."""
        rounds = pixels.is_cuda and pixels.dtype == torch.float32
        exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with exact if rounds else nullcontext():
            found: Tensor = self.patches(pixels)
        return found
