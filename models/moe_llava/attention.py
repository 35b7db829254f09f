"""Causal self-attention with rotary positions, over keys and values that may be cached.

B sequences, T new tokens, S tokens in all (cached and new), H heads, K key heads, d head width,
D width.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import Blocked, DecoderConfig
from .rotary import Rotation, rotate


class KeyValues(Protocol):
    """Keys and values of the tokens seen so far."""

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Those of all S tokens, (B, K, S, d) each, after (B, K, T, d) new ones are added."""
        ...


def additive_mask(
    valid: Tensor, new_tokens: int, dtype: torch.dtype, blocked: Blocked = "once"
) -> Tensor:
    """What is added to scores, (B, 1, T, S), for key validity (B, S): 0, or a huge negative.

    Where a query sees any key, the blocked ones get no weight. Where it sees none (padding on
    the left), what it attends to is the backbone's own habit: its output is unused, but its
    routing is counted in the balancing loss.
    """
    total = valid.shape[1]
    rows = torch.arange(total - new_tokens, total, device=valid.device)
    future = rows[:, None] < torch.arange(total, device=valid.device)  # (T, S)
    padding = ~valid.bool()[:, None, None, :]  # (B, 1, 1, S)
    zero = torch.zeros((), dtype=dtype, device=valid.device)
    lowest = torch.finfo(dtype).min
    if blocked == "once":
        return torch.where(future | padding, lowest, zero)  # (B, 1, T, S)
    for_future = {"twice": lowest, "infinite": -torch.inf, "half": torch.finfo(torch.half).min}
    ahead = torch.where(future, for_future[blocked], zero)  # (T, S)
    return ahead + torch.where(padding, lowest, zero)  # (B, 1, T, S)


def windowed(mask: Tensor | None, new_tokens: Tensor, window: int) -> Tensor:
    """The mask (B, 1, T, S), or causal attention where it is None, with keys blocked that are
    `window` or more positions before their query. new_tokens: (B, T, D), for sizes and dtype.

    Places count, not positions: between keys that are not padding these differ by the same.
    """
    length, device = new_tokens.shape[1], new_tokens.device
    if mask is None:
        seen = torch.ones(1, length, dtype=torch.bool, device=device)
        mask = additive_mask(seen, length, new_tokens.dtype)
    total = mask.shape[-1]
    rows = torch.arange(total - length, total, device=device)[:, None]
    gone = rows - torch.arange(total, device=device) >= window  # (T, S)
    return mask.masked_fill(gone, torch.finfo(mask.dtype).min)


class Attention(nn.Module):
    """Grouped-query attention; torch's fused kernel, exact softmax in fp32.

    exact: computed in float64, so that the order of sums does not show (`deterministic.py`).
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.exact = False
        self.heads, self.kv_heads, self.head_width = (
            config.heads,
            config.kv_heads,
            config.head_width,
        )
        kv_width = config.kv_heads * config.head_width
        self.query = nn.Linear(config.width, config.width, bias=config.qkv_bias)
        self.key = nn.Linear(config.width, kv_width, bias=config.qkv_bias)
        self.value = nn.Linear(config.width, kv_width, bias=config.qkv_bias)
        self.out = nn.Linear(config.width, config.width, bias=config.out_bias)

    def forward(
        self,
        x: Tensor,
        rotary: Rotation,
        mask: Tensor | None,
        cache: KeyValues | None,
        layer: int,
    ) -> Tensor:
        """(B, T, D) to (B, T, D). Without a mask (B, 1, T, S) plain causal attention, T = S."""
        queries = rotate(self._split(self.query(x), self.heads), rotary)  # (B, H, T, d)
        keys = rotate(self._split(self.key(x), self.kv_heads), rotary)  # (B, K, T, d)
        values = self._split(self.value(x), self.kv_heads)  # (B, K, T, d)
        if rotary.query_scale is not None:
            queries = queries * rotary.query_scale.to(queries.dtype)
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)  # (B, K, S, d)
        kind = torch.float64 if self.exact else x.dtype
        mixed = F.scaled_dot_product_attention(
            queries.to(kind),
            keys.to(kind),
            values.to(kind),
            attn_mask=None if mask is None else mask.to(kind),
            is_causal=mask is None,
            enable_gqa=self.kv_heads != self.heads,
        )
        out: Tensor = self.out(mixed.to(x.dtype).transpose(1, 2).flatten(2))  # (B, T, D)
        return out

    def _split(self, x: Tensor, heads: int) -> Tensor:
        return x.view(*x.shape[:2], heads, self.head_width).transpose(1, 2)
