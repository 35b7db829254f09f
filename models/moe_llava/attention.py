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


class Memory(Protocol):
    """Keys and values of the tokens seen so far, which knows who sees whom."""

    def add(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Keeps those of new tokens, (B, K, T, d) each."""
        ...

    def attend(self, layer: int, queries: Tensor, mask: Tensor | None) -> Tensor:
        """What queries (B, H, T', d) find, (B, H, T', d), once their keys have been added.

        Computed in the queries' dtype, which may be wider than that of keys and values.
        """
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


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """torch's fused kernel: queries (B, H, T, d) over (B, K, S, d), causal where mask is None.

    In the queries' dtype.
    """
    kind = queries.dtype
    return F.scaled_dot_product_attention(
        queries,
        keys.to(kind),
        values.to(kind),
        attn_mask=None if mask is None else mask.to(kind),
        is_causal=mask is None,
        enable_gqa=keys.shape[1] != queries.shape[1],
    )


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
        query_width = config.heads * config.head_width
        self.query = nn.Linear(config.width, query_width, bias=config.qkv_bias)
        self.key = nn.Linear(config.width, kv_width, bias=config.qkv_bias)
        self.value = nn.Linear(config.width, kv_width, bias=config.qkv_bias)
        self.out = nn.Linear(query_width, config.width, bias=config.out_bias)

    def forward(
        self,
        x: Tensor,
        rotary: Rotation,
        mask: Tensor | None,
        memory: Memory | None,
        layer: int,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """(B, T, D) to (B, T, D). Without a mask (B, 1, T, S) plain causal attention, T = S.

        wanted (T',): the places of x whose output is needed, all if None: (B, T', D) then.
        """
        keys, values = self.keys_and_values(x, rotary)
        if memory is not None:
            memory.add(layer, keys, values)
        if wanted is not None:
            x, rotary = x[:, wanted], rotary.at(wanted)
        queries = rotate(self._split(self.query(x), self.heads), rotary)  # (B, H, T, d)
        if rotary.query_scale is not None:
            queries = queries * rotary.query_scale.to(queries.dtype)
        if self.exact:
            queries = queries.double()
        if memory is None:
            mixed = attend(queries, keys, values, mask)
        else:
            mixed = memory.attend(layer, queries, mask)
        out: Tensor = self.out(mixed.to(x.dtype).transpose(1, 2).flatten(2))  # (B, T, D)
        return out

    def keys_and_values(self, x: Tensor, rotary: Rotation) -> tuple[Tensor, Tensor]:
        """(B, K, T, d) each, of x (B, T, D)."""
        keys = rotate(self._split(self.key(x), self.kv_heads), rotary)
        return keys, self._split(self.value(x), self.kv_heads)

    def _split(self, x: Tensor, heads: int) -> Tensor:
        return x.view(*x.shape[:2], heads, self.head_width).transpose(1, 2)
