"""Sequences that share a trunk and were admitted together: their own keys, and who sees what.

n sequences, t new tokens of the longest, T own slots so far, S positions of the trunk, H heads,
K key heads, G = H / K, d head width, M new tokens in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..config import DecoderConfig
from .trunk import Trunk, window_of

_STEP = 64  # room for so many more tokens whenever a buffer is full
_FAR = 1 << 40  # the position of a slot that holds nothing


@dataclass(frozen=True, slots=True)
class _New:
    """The tokens of a block in the current forward.

    positions (n, t), _FAR where a sequence has fewer than t. real: (M,) places among n * t of
    those that exist, None if all do. places (n, t): their places among the M.
    """

    positions: Tensor
    real: Tensor | None
    places: Tensor


class Block:
    """n sequences after one trunk. Slots are filled in step: all at once, with gaps at first.

    limit: slots that a sequence may fill, its suffix and its answer. scores: so many of
    attention's are there at once, but for those of one sequence. sizes: own tokens of each
    sequence so far, of which so many are `fresh`, new in this forward; prompts: the lengths of
    whole prompts. starts: where each has its place in a pool (`pool.py`), if it has one there:
    these numbers are then all that counts, and nothing is asked of the device.
    """

    def __init__(
        self,
        trunk: Trunk,
        suffixes: Sequence[int],
        answer: int,
        config: DecoderConfig,
        scores: int = 1 << 26,
    ) -> None:
        self.trunk, self.limit = trunk, max(suffixes) + answer
        self._together = scores
        self._config, self._device = config, trunk.keys[0].device
        self.sizes, self.fresh, self.starts = list(suffixes), list(suffixes), list[int]()
        self.prompts = [trunk.length + suffix for suffix in suffixes]
        self._keys: list[Tensor | None] = [None] * config.layers
        self._values: list[Tensor | None] = [None] * config.layers
        self.lengths = torch.tensor(suffixes, device=self._device)  # (n,) own tokens so far
        self.prompt_lengths = self.lengths + trunk.length  # (n,)
        steps = torch.arange(max(suffixes), device=self._device)
        there = steps < self.lengths[:, None]  # (n, t)
        self._slots = torch.where(there, trunk.length + steps, _FAR)  # (n, T) their positions
        self._even = min(suffixes) == max(suffixes)
        real = None if self._even else there.flatten().nonzero().flatten()
        places = (there.flatten().cumsum(0) - 1).view_as(there)
        self._new = _New(self._slots, real, places)
        self._masks: dict[tuple[int | None, int], Tensor | None] = {}

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def positions(self) -> Tensor:
        """Those of the new tokens, (M,), one sequence after the other."""
        new = self._new.positions.flatten()
        return new if self._new.real is None else new[self._new.real]

    @property
    def new_tokens(self) -> int:
        """M, without asking the device."""
        return sum(self.fresh)

    @property
    def prompt_lengths_of_new(self) -> Tensor:
        """For each new token (M,) the length of its prompt."""
        lengths = self.prompt_lengths[:, None].expand_as(self._new.positions).flatten()
        return lengths if self._new.real is None else lengths[self._new.real]

    @property
    def last(self) -> Tensor:
        """The place of each sequence's last token among the M, (n,)."""
        rows = torch.arange(len(self), device=self._device)
        ends = self.lengths - 1 if self._new.positions.shape[1] > 1 else 0 * rows
        return self._new.places[rows, ends]

    def advance(self) -> None:
        """Makes room for one more token of each sequence, which is what is new from now on."""
        self.sizes, self.fresh = [size + 1 for size in self.sizes], [1] * len(self)
        if self.starts:
            return
        places = torch.arange(len(self), device=self._device)[:, None]
        new = (self.lengths + self.trunk.length)[:, None]  # (n, 1)
        self.lengths = self.lengths + 1
        self._slots = torch.cat((self._slots, new), dim=1)
        self._new, self._masks = _New(new, None, places), {}

    def keep(self, going: Sequence[int]) -> None:
        """Keeps the sequences with these indices (n',) and forgets the others."""
        self.sizes = [self.sizes[row] for row in going]
        self.fresh = [self.fresh[row] for row in going]
        self.prompts = [self.prompts[row] for row in going]
        if self.starts:
            self.starts = [self.starts[row] for row in going]
            return
        rows = torch.tensor(going, device=self._device)
        self._keys = [None if part is None else part[:, rows] for part in self._keys]
        self._values = [None if part is None else part[:, rows] for part in self._values]
        self.lengths, self.prompt_lengths = self.lengths[rows], self.prompt_lengths[rows]
        self._slots = self._slots[rows]

    def add(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Those of the new tokens, (K, M, d) each."""
        self._keys[layer] = self._filled(self._keys[layer], keys)
        self._values[layer] = self._filled(self._values[layer], values)

    def attend(self, layer: int, queries: Tensor) -> Tensor:
        """(M, H, d) to the same; or (n, H, d) where only each sequence's last token asks."""
        new, config = self._new, self._config
        count, width = len(self), config.head_width
        asked, real = new.positions, new.real
        if len(queries) == count and asked.shape[1] > 1:
            asked, real = (self.prompt_lengths - 1)[:, None], None
        elif real is not None:
            queries = queries[new.places.flatten()]
        groups = config.heads // config.kv_heads
        rows = queries.view(count, -1, config.kv_heads, groups, width)  # (n, t, K, G, d)
        rows = rows.permute(2, 0, 1, 3, 4).reshape(config.kv_heads, count, -1, width)
        blocked = self._mask(asked, window_of(config, layer))
        mixed = self._mix(layer, rows * width**-0.5, blocked)  # (K, n, t * G, d)
        mixed = mixed.view(config.kv_heads, count, -1, groups, width)
        mixed = mixed.permute(1, 2, 0, 3, 4).reshape(-1, config.heads, width)
        return mixed if real is None else mixed[real]

    def _mix(self, layer: int, rows: Tensor, blocked: Tensor | None) -> Tensor:
        """(K, n, t * G, d) over the trunk and each sequence's own slots, in one softmax."""
        own_keys, own_values = self._own(layer)
        trunk_keys, trunk_values = self.trunk.keys[layer], self.trunk.values[layer]
        heads, count, asked, _ = rows.shape
        length, slots = self.trunk.length, own_keys.shape[2]
        together = max(1, self._together // (heads * asked * (length + slots)))
        mixed = torch.empty_like(rows)
        for start in range(0, count, together):
            part = slice(start, start + together)
            scores = self._scores(rows[:, part], trunk_keys, own_keys[:, part])
            if blocked is not None:
                at_end = scores[..., -blocked.shape[-1] :]
                at_end.masked_fill_(blocked[part], -torch.inf)
            weights = torch.softmax(scores, dim=-1, out=scores).to(rows.dtype)
            of_trunk = weights[..., :length].flatten(1, 2) @ trunk_values.to(rows.dtype)
            of_own = weights[..., length:] @ own_values[:, part].to(rows.dtype)
            mixed[:, part] = of_own + of_trunk.view_as(of_own)
        return mixed

    def _scores(self, rows: Tensor, trunk_keys: Tensor, own_keys: Tensor) -> Tensor:
        """(K, n', t * G, S + T) of rows (K, n', t * G, d), in fp32 or wider if the rows are.

        Written where softmax reads them: joined afterwards, they would be there twice, and fresh
        memory costs more than the products.
        """
        kind = torch.promote_types(rows.dtype, torch.float32)
        rows, length = rows.to(kind), self.trunk.length
        scores = rows.new_empty(*rows.shape[:3], length + own_keys.shape[2])
        far = scores[..., :length].flatten(1, 2)  # (K, n' * t * G, S)
        torch.bmm(rows.flatten(1, 2), trunk_keys.to(kind).transpose(-1, -2), out=far)
        scores[..., length:] = rows @ own_keys.to(kind).transpose(-1, -2)
        return scores

    def _own(self, layer: int) -> tuple[Tensor, Tensor]:
        keys, values, used = self._keys[layer], self._values[layer], self._slots.shape[1]
        assert keys is not None and values is not None
        return keys[:, :, :used], values[:, :, :used]

    def _mask(self, asked: Tensor, window: int | None) -> Tensor | None:
        """Blocked slots for tokens at positions (n, t'): (n, t' * G, T); None if there are none.

        With a window (n, t' * G, S + T): it may end within the trunk.
        """
        if window is not None and self.trunk.length + self._slots.shape[1] <= window:
            window = None
        key = (window, asked.shape[1])
        if key not in self._masks:
            self._masks[key] = self._blocks(asked, window)
        return self._masks[key]

    def _blocks(self, asked: Tensor, window: int | None) -> Tensor | None:
        if window is None and asked.shape[1] == 1 and self._even:
            return None
        seen, asking = self._slots[:, None], asked[..., None]
        blocked = seen > asking  # (n, t', T)
        if window is not None:
            trunk = torch.arange(self.trunk.length, device=self._device)
            gone = (asking - trunk >= window).expand(-1, -1, self.trunk.length)
            blocked = torch.cat((gone, blocked | (asking - seen >= window)), dim=-1)
        groups = self._config.heads // self._config.kv_heads
        return blocked.repeat_interleave(groups, dim=1)

    def _filled(self, buffer: Tensor | None, new: Tensor) -> Tensor:
        """The buffer (K, n, capacity, d) with the new tokens (K, M, d) at its end."""
        end = self._slots.shape[1]
        start = end - self._new.positions.shape[1]
        heads, _, width = new.shape
        if buffer is None or buffer.shape[2] < end:
            capacity = min(self.limit, end + _STEP)
            larger = new.new_empty(heads, len(self), capacity, width)
            if buffer is not None:
                larger[:, :, :start] = buffer[:, :, :start]
            buffer = larger
        if self._new.real is not None:
            new = new[:, self._new.places.flatten()]
        buffer[:, :, start:end] = new.view(heads, len(self), end - start, width)
        return buffer
