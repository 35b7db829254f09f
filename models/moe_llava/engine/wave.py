"""Several trunks in one forward, on GPUs: a single one has too few rows to fill them.

K key heads, S positions of all trunks, T of them new, H heads, d head width, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from lvlm_eval.batching import Symbols

from ..decoder import Context
from ..network import Network
from ..rotary import rotation_of_rows
from .pool import stretches
from .trunk import Stem, Trunk
from .varlen import Spans, attend_many, for_all_heads


@dataclass(frozen=True, slots=True)
class Wanted:
    """A trunk that is to be computed: its symbols, its positions, those of the whole prompt, and
    what it begins like, if anything."""

    symbols: Symbols
    length: int
    prompt: int
    stem: Stem | None = None

    @property
    def known(self) -> int:
        """The positions that need not be computed."""
        return self.stem.length if self.stem else 0

    @property
    def fresh(self) -> int:
        """Those that need."""
        return self.length - self.known


def prefill_all(network: Network, wanted: Sequence[Wanted], embeds: Tensor) -> list[Trunk]:
    """The trunks. embeds (T, D): the vectors of what follows their stems, one after the other.

    As `trunk.prefill`, of the last layer only keys and values are computed.
    """
    memory = _Memory(network, wanted)
    device = embeds.device
    fresh = [one.fresh for one in wanted]
    positions = stretches([one.known for one in wanted], fresh).to(device)  # (T,)
    lengths = torch.tensor([one.prompt for one in wanted])
    prompts = lengths.repeat_interleave(torch.tensor(fresh)).to(device)  # (T,)
    rotary = rotation_of_rows(positions, network.decoder.config, prompts, prompts)
    context = Context(positions[None], memory=memory)
    network.decoder.remember(embeds[None], rotary.to(embeds.dtype), context)
    return memory.trunks()


class _Memory:
    """Keys and values of the trunks while they are computed, (S, K, d) for each layer."""

    def __init__(self, network: Network, wanted: Sequence[Wanted]) -> None:
        config, like = network.decoder.config, network.decoder.embedding.weight
        self._wanted, self._groups = wanted, config.heads // config.kv_heads
        lengths, fresh = [one.length for one in wanted], [one.fresh for one in wanted]
        self._starts = [end - n for end, n in zip(accumulate(lengths), lengths, strict=True)]
        shape = (sum(lengths), config.kv_heads, config.head_width)
        self._keys = [like.new_empty(shape) for _ in range(config.layers)]
        self._values = [like.new_empty(shape) for _ in range(config.layers)]
        firsts = [start + one.known for start, one in zip(self._starts, wanted, strict=True)]
        self._places = stretches(firsts, fresh).to(like.device)  # (T,)
        self._spans = Spans.of(fresh, lengths, like.device, causal=True)
        for start, one in zip(self._starts, wanted, strict=True):
            self._copy(start, one.stem)

    def _copy(self, start: int, stem: Stem | None) -> None:
        if stem is None:
            return
        part, known = slice(start, start + stem.length), stem.length
        for layer in range(len(self._keys)):
            self._keys[layer][part] = stem.trunk.keys[layer][:, :known].transpose(0, 1)
            self._values[layer][part] = stem.trunk.values[layer][:, :known].transpose(0, 1)

    def add(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Those of the new positions, (1, K, T, d) each."""
        self._keys[layer].index_copy_(0, self._places, keys[0].transpose(0, 1))
        self._values[layer].index_copy_(0, self._places, values[0].transpose(0, 1))

    def attend(self, layer: int, queries: Tensor, mask: Tensor | None) -> Tensor:
        """(1, H, T, d) to the same: each new position over those of its trunk up to itself."""
        keys = for_all_heads(self._keys[layer], self._groups)
        values = for_all_heads(self._values[layer], self._groups)
        mixed, _ = attend_many(queries[0].transpose(0, 1), keys, values, self._spans)
        return mixed.transpose(0, 1)[None]

    def trunks(self) -> list[Trunk]:
        """All of them, each a part of the same memory."""
        found = []
        for start, one in zip(self._starts, self._wanted, strict=True):
            part = slice(start, start + one.length)
            keys, values = (
                [layer[part].transpose(0, 1) for layer in memory]
                for memory in (self._keys, self._values)
            )
            found.append(Trunk(one.symbols, one.length, keys, values))
        return found
