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
    """keys, values: for each layer (K, S, d), perhaps a part of a memory of several trunks.

    length: S.
    """

    symbols: Symbols
    length: int
    keys: list[Tensor]
    values: list[Tensor]

    @property
    def memory(self) -> tuple[int, int]:
        """Which memory it lies in, and its positions: all are kept while a trunk in it is."""
        heads, _, width = self.keys[0].shape
        storage = self.keys[0].untyped_storage()
        return storage.data_ptr(), storage.nbytes() // (heads * width * self.keys[0].itemsize)


@dataclass(frozen=True, slots=True)
class Stem:
    """The first `length` positions of a trunk, with which another one begins as well."""

    trunk: Trunk
    length: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """The symbols of a trunk; the length of the whole prompt, read where it is beyond the trained
    length (nothing is shared then); and how many positions are computed at once."""

    symbols: Symbols
    length: int
    piece: int


def prefill(network: Network, prompt: Prompt, embeds: Tensor, stem: Stem | None) -> Trunk:
    """The trunk of these symbols. embeds (T, D): the vectors of what follows the stem.

    Of the last layer only keys and values are computed.
    """
    start = stem.length if stem else 0
    memory = _Filling(network, start + len(embeds), stem)
    whole = torch.tensor([prompt.length], device=embeds.device)
    for vectors in torch.split(embeds, prompt.piece) if len(embeds) else ():
        positions = torch.arange(memory.filled, memory.filled + len(vectors), device=embeds.device)
        rotary = rotation(positions[None], network.decoder.config, whole, whole)
        rotary = rotary.to(vectors.dtype)
        context = Context(positions[None], memory=memory)
        network.decoder.remember(vectors[None], rotary, context)
        memory.filled += len(vectors)
    return Trunk(prompt.symbols, memory.length, memory.keys, memory.values)


class _Filling:
    """The memory of one trunk while it is computed. filled: positions that are there."""

    def __init__(self, network: Network, length: int, stem: Stem | None) -> None:
        self.length, self._config = length, network.decoder.config
        self.filled = stem.length if stem else 0
        shape = (self._config.kv_heads, length, self._config.head_width)
        like = network.decoder.embedding.weight
        self.keys = [like.new_empty(shape) for _ in range(self._config.layers)]
        self.values = [like.new_empty(shape) for _ in range(self._config.layers)]
        for layer in range(self._config.layers if stem else 0):
            assert stem is not None
            self.keys[layer][:, : self.filled] = stem.trunk.keys[layer][:, : self.filled]
            self.values[layer][:, : self.filled] = stem.trunk.values[layer][:, : self.filled]

    def add(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Those of the new positions, (1, K, T, d) each."""
        end = self.filled + keys.shape[2]
        self.keys[layer][:, self.filled : end] = keys[0]
        self.values[layer][:, self.filled : end] = values[0]

    def attend(self, layer: int, queries: Tensor, mask: Tensor | None) -> Tensor:
        """(1, H, T, d) to the same: each new position over all up to itself."""
        new = queries.shape[2]
        end = self.filled + new
        keys, values = self.keys[layer][None, :, :end], self.values[layer][None, :, :end]
        window = window_of(self._config, layer)
        if window is not None and end > window:
            every = torch.ones(1, end, dtype=torch.bool, device=queries.device)
            causal = additive_mask(every, new, queries.dtype)
            return attend(queries, keys, values, windowed(causal, queries[:, 0], window))
        # The causal kernel wants as many queries as keys and skips what they must not see, so
        # rows that nobody reads are cheaper than a mask.
        padded = F.pad(queries, (0, 0, self.filled, 0)) if self.filled else queries
        return attend(padded, keys, values, None)[:, :, self.filled :]


def window_of(config: DecoderConfig, layer: int) -> int | None:
    """How many keys a query sees in this layer; None for all."""
    return config.long.window if layer >= config.long.full_layers else None
