"""What a position takes: kept, its keys and values; while it is computed, much more than those.

The budget is counted in kept positions, and what is computed counts by what it takes in their
measure, so that the budget bounds all memory beside the weights and not the cache alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ..memory import bytes_free
from ..network import Network

_SHARE = 0.5  # of the free memory that the engine may take
_WIDTHS = 8  # vectors of the decoder's width that a layer holds for a token at its widest
_MIDDLES = 3  # and of its MLP's: before and after the activation, and their product
_SCORES = 8  # a part in so many of the budget is for attention's scores
_PICTURES = 8  # and one for the vectors of pictures that are remembered
_MOST_PICTURES = 32
_MOST_SCORES = 1 << 26  # beyond, larger pieces are no faster


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes. kept: of a position's keys and values. computed: of one under way. picture: of the
    vectors of one."""

    kept: int
    computed: int
    picture: int

    @classmethod
    def of(cls, network: Network) -> Footprint:
        config = network.decoder.config
        size = network.dtype.itemsize
        answering = network.decoder.moe.top_k if network.decoder.moe else 1
        middles = _MIDDLES * config.mlp_width * answering
        return cls(
            2 * config.layers * config.kv_heads * config.head_width * size,
            (_WIDTHS * config.width + middles) * size,
            network.image_positions * config.width * size,
        )

    def computing(self, tokens: int) -> int:
        """How many kept positions so many tokens take while they are computed."""
        return math.ceil(tokens * self.computed / self.kept)

    def piece(self, free: int) -> int:
        """How many tokens can be computed at once in so many free positions, at least one."""
        return max(1, free * self.kept // self.computed)

    def scores(self, budget: int) -> int:
        """How many of attention's scores may be there at once, in fp32, with their parts."""
        return min(_MOST_SCORES, budget * self.kept // (2 * _SCORES * torch.float32.itemsize))

    def pictures(self, budget: int) -> int:
        """Of how many pictures the vectors are remembered."""
        if not self.picture:
            return 0
        return min(_MOST_PICTURES, budget * self.kept // (_PICTURES * self.picture))

    def left(self, budget: int) -> int:
        """The positions of a budget that are neither for scores nor for remembered pictures."""
        scores = 2 * torch.float32.itemsize * self.scores(budget)
        return budget - (scores + self.pictures(budget) * self.picture) // self.kept

    def free(self, network: Network) -> int:
        """How many positions fit into half of the memory that is free."""
        return max(1, int(_SHARE * bytes_free(network.device)) // self.kept)
