"""What prompts share: keys and values of their common beginning, computed once.

L layers, H heads, K key heads, S positions of the trunk, T of them new, d head width, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lvlm_eval.batching import Symbols

from ..attention import additive_mask, attend, windowed
from ..config import DecoderConfig
from ..decoder import Context
from ..network import Network
from ..rotary import rotation


@dataclass(frozen=True, slots=True)
class Trunk:
    """keys, values: for each layer (K, S, d), contiguous. length: S."""

    symbols: Symbols
    length: int
    keys: list[Tensor]
    values: list[Tensor]


@dataclass(frozen=True, slots=True)
class Stem:
    """The first `length` positions of a trunk, with which another one begins as well."""

    trunk: Trunk
    length: int


def prefill(
    network: Network, symbols: Symbols, embeds: Tensor, prompt_length: int, stem: Stem | None
) -> Trunk:
    """The trunk of these symbols. embeds (T, D): the vectors of what follows the stem.

    prompt_length: of the whole prompt, read where it is beyond the trained length; nothing is
    shared then. Of the last layer only keys and values are computed.
    """
    start = stem.length if stem else 0
    memory = _Filling(network, start + len(embeds), stem)
    if len(embeds):
        positions = torch.arange(start, memory.length, device=embeds.device)[None]  # (1, T)
        whole = torch.tensor([prompt_length], device=embeds.device)
        rotary = rotation(positions, network.decoder.config, whole, whole)
        context = Context(positions, memory=memory)
        network.decoder.remember(embeds[None], rotary, context)
    return Trunk(symbols, memory.length, memory.keys, memory.values)


class _Filling:
    """The memory of one trunk while it is computed."""

    def __init__(self, network: Network, length: int, stem: Stem | None) -> None:
        self.length, self._config = length, network.decoder.config
        self._start = stem.length if stem else 0
        shape = (self._config.kv_heads, length, self._config.head_width)
        like = network.decoder.embedding.weight
        self.keys = [like.new_empty(shape) for _ in range(self._config.layers)]
        self.values = [like.new_empty(shape) for _ in range(self._config.layers)]
        for layer in range(self._config.layers if stem else 0):
            assert stem is not None
            self.keys[layer][:, : self._start] = stem.trunk.keys[layer][:, : self._start]
            self.values[layer][:, : self._start] = stem.trunk.values[layer][:, : self._start]

    def add(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Those of the new positions, (1, K, T, d) each."""
        self.keys[layer][:, self._start :] = keys[0]
        self.values[layer][:, self._start :] = values[0]

    def attend(self, layer: int, queries: Tensor, mask: Tensor | None) -> Tensor:
        """(1, H, T, d) to the same: each new position over all up to itself."""
        keys, values = self.keys[layer][None], self.values[layer][None]
        window = window_of(self._config, layer)
        if window is not None and self.length > window:
            new = queries.shape[2]
            every = torch.ones(1, self.length, dtype=torch.bool, device=queries.device)
            causal = additive_mask(every, new, queries.dtype)
            return attend(queries, keys, values, windowed(causal, queries[:, 0], window))
        # The causal kernel wants as many queries as keys and skips what they must not see, so
        # rows that nobody reads are cheaper than a mask.
        padded = F.pad(queries, (0, 0, self._start, 0)) if self._start else queries
        return attend(padded, keys, values, None)[:, :, self._start :]


def window_of(config: DecoderConfig, layer: int) -> int | None:
    """How many keys a query sees in this layer; None for all."""
    return config.long.window if layer >= config.long.full_layers else None
