"""One forward for all live sequences, new ones and old ones: no padding outside attention.

B sequences, N new tokens of all of them, D width, V vocabulary, H heads, K key heads, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from ..decoder import Context
from ..network import Network
from ..rotary import rotation_of_rows
from .block import Block
from .pool import Pool
from .varlen import Varlen


def step(
    network: Network, blocks: Sequence[Block], embeds: Tensor, pool: Pool | None = None
) -> Tensor:
    """Logits (B, V) after the blocks' new tokens, whose vectors are embeds (N, D).

    In the last layer only each sequence's last token is computed beyond keys and values. pool: of
    the sequences' own keys and values, where all attend at once (`varlen.py`).
    """
    memory = Varlen(pool, blocks, network) if pool else _Packed(blocks)
    positions, config = memory.positions, network.decoder.config
    # a prompt's tokens reach to its end, a new token to itself
    reach = torch.maximum(memory.prompts, positions + 1)
    rotary = rotation_of_rows(positions, config, memory.prompts, reach).to(embeds.dtype)
    context = Context(positions[None], memory=memory)
    hidden = network.decoder.wanted(embeds[None], rotary, context, memory.wanted)  # (1, B, D)
    return network.decoder.logits(hidden[0])


class _Packed:
    """The memory of N tokens in which each block finds its own.

    positions, prompts (N,): of each token, and the length of its prompt. wanted: the places of the
    last token of each sequence; None where there are no others.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.positions = torch.cat([block.positions for block in blocks])
        self.prompts = torch.cat([block.prompt_lengths_of_new for block in blocks])
        sizes = [block.new_tokens for block in blocks]
        self._blocks = blocks
        self._bounds = list(pairwise(accumulate(sizes, initial=0)))
        counts = list(map(len, blocks))
        self._ends = list(pairwise(accumulate(counts, initial=0)))
        self.wanted: Tensor | None = None
        if sizes != counts:
            starts = (start for start, _ in self._bounds)
            lasts = [b.last + start for b, start in zip(blocks, starts, strict=True)]
            self.wanted = torch.cat(lasts)

    def add(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """(1, K, N, d) each."""
        for block, (start, end) in zip(self._blocks, self._bounds, strict=True):
            block.add(layer, keys[0, :, start:end], values[0, :, start:end])

    def attend(self, layer: int, queries: Tensor, mask: Tensor | None) -> Tensor:
        """(1, H, N, d) to the same; or (1, H, B, d) where only the last tokens ask."""
        rows = queries[0].transpose(0, 1)  # (N, H, d)
        bounds = self._bounds if len(rows) == self._bounds[-1][1] else self._ends
        found = [
            block.attend(layer, rows[start:end])
            for block, (start, end) in zip(self._blocks, bounds, strict=True)
        ]
        return torch.cat(found).transpose(0, 1)[None]
