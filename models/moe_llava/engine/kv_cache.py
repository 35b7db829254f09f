"""Keys and values of a batch, kept in buffers that grow in steps.

L layers, B sequences, K key heads, S tokens so far, d head width.
"""

from __future__ import annotations

from torch import Tensor

from ..attention import attend

_STEP = 64  # room for so many more tokens whenever a buffer is full


class KVCache:
    """A layer's tokens are added by its attention; all layers of a forward add equally many."""

    def __init__(self, layers: int) -> None:
        self._keys: list[Tensor | None] = [None] * layers
        self._values: list[Tensor | None] = [None] * layers
        self._lengths = [0] * layers

    @property
    def length(self) -> int:
        """S, the tokens of the forwards that are over."""
        return self._lengths[-1]

    def attend(self, layer: int, queries: Tensor, mask: Tensor | None) -> Tensor:
        """Plain attention of (B, H, T, d) over all S tokens; see attention.py."""
        keys, values = self.all(layer)
        return attend(queries, keys, values, mask)

    def all(self, layer: int) -> tuple[Tensor, Tensor]:
        """All tokens' keys and values (B, K, S, d), views of the buffers."""
        keys, values, end = self._keys[layer], self._values[layer], self._lengths[layer]
        assert keys is not None and values is not None
        return keys[:, :, :end], values[:, :, :end]

    def add(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Adds (B, K, T, d) each."""
        start, end = self._lengths[layer], self._lengths[layer] + keys.shape[2]
        kept_keys = _with_room(self._keys[layer], keys, start, end)
        kept_values = _with_room(self._values[layer], values, start, end)
        kept_keys[:, :, start:end] = keys
        kept_values[:, :, start:end] = values
        self._keys[layer], self._values[layer] = kept_keys, kept_values
        self._lengths[layer] = end

    def keep(self, rows: Tensor) -> None:
        """Keeps the sequences with these indices (B',) and forgets the others."""
        self._keys = [None if part is None else part[rows] for part in self._keys]
        self._values = [None if part is None else part[rows] for part in self._values]


def _with_room(buffer: Tensor | None, new: Tensor, start: int, end: int) -> Tensor:
    """The buffer, or a larger one with its first `start` tokens, that holds `end` tokens."""
    if buffer is not None and buffer.shape[2] >= end:
        return buffer
    batch, heads, _, width = new.shape
    larger = new.new_empty(batch, heads, end + _STEP, width)
    if buffer is not None:
        larger[:, :, :start] = buffer[:, :, :start]
    return larger
