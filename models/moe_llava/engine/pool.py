"""Keys and values of all live sequences' own tokens in one memory, for a kernel that takes all.

K key heads, P places, N tokens, d head width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..network import Network
from .block import Block


class Pool:
    """(P, K, d) of keys and of values for each layer.

    Every sequence has a stretch of places, as many as it may fill: the budget counts those.
    """

    def __init__(self, network: Network) -> None:
        self._like = network.decoder.embedding.weight
        self._config = network.decoder.config
        self._keys = [self._empty(0) for _ in range(self._config.layers)]
        self._values = [self._empty(0) for _ in range(self._config.layers)]
        self._end = self._room = 0

    def admit(self, blocks: Sequence[Block], live: Sequence[Block]) -> None:
        """Gives the blocks' sequences their stretches; those of live blocks may move."""
        wanted = sum(len(block) * block.limit for block in blocks)
        if self._end + wanted > self._room:
            self._pack(live, wanted)
        self._end = _lay_out(blocks, self._end)

    def add(self, layer: int, keys: Tensor, values: Tensor, places: Tensor) -> None:
        """Keeps those of new tokens, (N, K, d) each, at their places (N,)."""
        self._keys[layer].index_copy_(0, places, keys)
        self._values[layer].index_copy_(0, places, values)

    def all(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values (P, K, d), whatever is at places that nobody has filled."""
        return self._keys[layer], self._values[layer]

    def _pack(self, live: Sequence[Block], wanted: int) -> None:
        """Moves what is live to the beginning, and makes room for so many places more."""
        starts = [start for block in live for start in block.starts]
        sizes = [size for block in live for size in block.sizes]
        end = _lay_out(live, 0)
        moved = [start for block in live for start in block.starts]
        device = self._like.device
        old, new = stretches(starts, sizes).to(device), stretches(moved, sizes).to(device)
        self._end, self._room = end, max(self._room, end + wanted)
        for memory in (self._keys, self._values):
            for layer, held in enumerate(memory):
                memory[layer] = self._empty(self._room)
                memory[layer].index_copy_(0, new, held.index_select(0, old))

    def _empty(self, places: int) -> Tensor:
        return self._like.new_empty(places, self._config.kv_heads, self._config.head_width)


def _lay_out(blocks: Sequence[Block], end: int) -> int:
    """Puts the blocks' stretches one after the other from this place on; where they end."""
    for block in blocks:
        block.starts = [end + block.limit * row for row in range(len(block))]
        end += len(block) * block.limit
    return end


def stretches(starts: Sequence[int], lengths: Sequence[int]) -> Tensor:
    """All places of stretches, one stretch after the other: 5, 6, 9 for (5, 9) and (2, 1)."""
    sizes = torch.tensor(lengths, dtype=torch.int64)
    before = sizes.cumsum(0) - sizes
    offsets = torch.tensor(starts, dtype=torch.int64) - before
    return torch.arange(sum(lengths)) + offsets.repeat_interleave(sizes)
