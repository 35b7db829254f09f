"""Attention of all live sequences at once, on GPUs: two kernels a layer, however many blocks.

`block.py` attends block by block, which is a launch here and there for each of many trunks, and
launches are what a GPU waits for. torch's kernel for sequences of any lengths takes all of them:
once over the trunks, where what asks behind the same trunk is one sequence, once over own tokens.
Each gives its part of a softmax and the log of the part's sum, by which the two are mixed. What is
kept of the two is in the queries' dtype, their mixing in fp32.

N new tokens of B sequences, H heads, K key heads, G = H / K, d head width, S trunk positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, groupby

import torch
from torch import Tensor
from torch.nn.attention.varlen import AuxRequest, varlen_attn

from ..network import Network
from .block import Block
from .pool import Pool, stretches

_WIDEST = 256  # of the heads that the kernel takes


def serves(network: Network) -> bool:
    """Whether the kernel can: half precision on a GPU of compute capability 8 or newer, no windows.

    Deterministic attention is computed in float64 and is not served either.
    """
    config = network.decoder.config
    if network.device.type != "cuda" or network.dtype not in (torch.bfloat16, torch.float16):
        return False
    if torch.cuda.get_device_capability(network.device) < (8, 0) or network.one_by_one:
        return False
    return (
        config.long.window is None and config.head_width % 8 == 0 and config.head_width <= _WIDEST
    )


def attend_many(
    queries: Tensor, keys: Tensor, values: Tensor, spans: Spans
) -> tuple[Tensor, Tensor]:
    """(N, H, d) over keys and values (M, H, d), sequence by sequence; and (H, N), the log of the
    sum of each query's weights."""
    mixed: Tensor
    logarithms: Tensor
    mixed, logarithms = varlen_attn(
        queries,
        keys,
        values,
        spans.queries,
        spans.keys,
        spans.most_queries,
        spans.most_keys,
        return_aux=AuxRequest(lse=True),
        window_size=(-1, 0 if spans.causal else -1),
    )
    return mixed, logarithms


@dataclass(frozen=True, slots=True)
class Spans:
    """Where sequences end among queries and keys that are packed one after the other.

    queries, keys: (sequences + 1,) in int32. A sequence of keys without a query is a gap between
    others. most_*: of one sequence. causal: the last query sees all keys of its sequence, the one
    before all but the last, and so on.
    """

    queries: Tensor
    keys: Tensor
    most_queries: int
    most_keys: int
    causal: bool

    @classmethod
    def of(
        cls, queries: Sequence[int], keys: Sequence[int], device: torch.device, *, causal: bool
    ) -> Spans:
        """Those of sequences with so many queries and keys each."""
        ends = [list(accumulate(n, initial=0)) for n in (queries, keys)]
        both = torch.tensor(ends, dtype=torch.int32).to(device)
        return cls(both[0], both[1], max(queries), max(keys), causal)

    @classmethod
    def within(
        cls,
        queries: Sequence[int],
        starts: Sequence[int],
        keys: Sequence[int],
        device: torch.device,
    ) -> Spans:
        """Causal ones of sequences with so many queries each, and keys from ascending starts."""
        ends = [start + count for start, count in zip(starts, keys, strict=True)]
        bounds = list(chain.from_iterable(zip(starts, ends, strict=True)))
        asked = list(chain.from_iterable((count, 0) for count in queries))[:-1]
        both = torch.tensor([[0, *accumulate(asked)], bounds], dtype=torch.int32).to(device)
        return cls(both[0], both[1], max(queries), max(keys), causal=True)


@dataclass(frozen=True, slots=True)
class _Asking:
    """Who asks: rows of queries, and their spans over own tokens and over trunks.

    behind: which of the rows (N',) have a trunk, None for all. far: None where none has.
    """

    rows: int
    near: Spans
    far: Spans | None
    behind: Tensor | None


class Varlen:
    """The memory of one forward: a `Memory` of the blocks' new tokens (1, K, N, d).

    positions, prompts (N,): of each token, and the length of its prompt. wanted: the places of the
    last token of each sequence; None where there are no others.
    """

    def __init__(self, pool: Pool, blocks: Sequence[Block], network: Network) -> None:
        self._pool, self._device = pool, network.device
        config = network.decoder.config
        self._groups = config.heads // config.kv_heads
        fresh = [count for block in blocks for count in block.fresh]
        sizes = [size for block in blocks for size in block.sizes]
        starts = [start for block in blocks for start in block.starts]
        firsts = [start + size - new for start, size, new in zip(starts, sizes, fresh, strict=True)]
        trunks = [block.trunk.length for block in blocks for _ in block.sizes]
        begun = [trunk + size - new for trunk, size, new in zip(trunks, sizes, fresh, strict=True)]
        prompts = torch.tensor([length for block in blocks for length in block.prompts])
        each = prompts.repeat_interleave(torch.tensor(fresh))
        tokens = torch.stack((stretches(firsts, fresh), stretches(begun, fresh), each))  # (3, N)
        # places in the pool, and what rotary positions are made of
        self._new, self.positions, self.prompts = tokens.to(self._device)
        runs = groupby(blocks, key=lambda block: id(block.trunk))
        self._runs = [list(run) for _, run in runs]
        self._trunks = [run[0].trunk for run in self._runs if run[0].trunk.length]
        near = Spans.within(fresh, starts, sizes, self._device)
        self._all = self._asking(near, [sum(b.new_tokens for b in r) for r in self._runs])
        self._last, self.wanted = self._all, None
        if len(fresh) < sum(fresh):
            near = Spans.within([1] * len(fresh), starts, sizes, self._device)
            self._last = self._asking(near, [sum(map(len, run)) for run in self._runs])
            self.wanted = torch.tensor(list(accumulate(fresh)), device=self._device) - 1

    def add(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """(1, K, N, d) each."""
        self._pool.add(layer, keys[0].transpose(0, 1), values[0].transpose(0, 1), self._new)

    def attend(self, layer: int, queries: Tensor, mask: Tensor | None) -> Tensor:
        """(1, H, N, d) to the same; or (1, H, B, d) where only the last tokens ask."""
        rows = queries[0].transpose(0, 1)  # (N, H, d)
        asking = self._all if len(rows) == self._all.rows else self._last
        near, near_sums = self._near(layer, rows, asking)
        if asking.far is None:
            return near.transpose(0, 1)[None]
        here = rows if asking.behind is None else rows[asking.behind]
        far, far_sums = self._far(layer, here, asking.far)
        if asking.behind is None:
            return _mixed(near, near_sums, far, far_sums).transpose(0, 1)[None]
        place = asking.behind
        near[place] = _mixed(near[place], near_sums[:, place], far, far_sums)
        return near.transpose(0, 1)[None]

    def _near(self, layer: int, rows: Tensor, asking: _Asking) -> tuple[Tensor, Tensor]:
        """(N, H, d) and (H, N): over each sequence's own tokens."""
        keys, values = (for_all_heads(part, self._groups) for part in self._pool.all(layer))
        return attend_many(rows, keys, values, asking.near)

    def _far(self, layer: int, rows: Tensor, spans: Spans) -> tuple[Tensor, Tensor]:
        """(N', H, d) and (H, N'): over the trunks. Heads that share a key head ask as more rows."""
        keys = torch.cat([trunk.keys[layer].transpose(0, 1) for trunk in self._trunks])  # (S, K, d)
        values = torch.cat([trunk.values[layer].transpose(0, 1) for trunk in self._trunks])
        count, heads, width = rows.shape
        asked = rows.view(count, -1, self._groups, width).transpose(1, 2)  # (N', G, K, d)
        asked = asked.reshape(count * self._groups, -1, width)
        mixed, sums = attend_many(asked, keys, values, spans)
        mixed = mixed.view(count, self._groups, -1, width).transpose(1, 2)
        sums = sums.view(-1, count, self._groups).transpose(1, 2)  # (K, G, N')
        return mixed.reshape(count, heads, width), sums.reshape(heads, count)

    def _asking(self, near: Spans, of_runs: list[int]) -> _Asking:
        """of_runs: the queries of all that ask behind the same trunk."""
        trunks = [run[0].trunk.length for run in self._runs]
        asked = [
            count * self._groups for count, there in zip(of_runs, trunks, strict=True) if there
        ]
        if not asked:
            return _Asking(sum(of_runs), near, None, None)
        far = Spans.of(asked, [length for length in trunks if length], self._device, causal=False)
        behind = None
        if not all(trunks):
            ends = list(accumulate(of_runs))
            firsts = [end - n for end, n, there in zip(ends, of_runs, trunks, strict=True) if there]
            counts = [n for n, there in zip(of_runs, trunks, strict=True) if there]
            behind = stretches(firsts, counts).to(self._device)
        return _Asking(sum(of_runs), near, far, behind)


def for_all_heads(part: Tensor, groups: int) -> Tensor:
    """Keys or values (M, K, d) to (M, H, d), each for the heads that share it."""
    return part.repeat_interleave(groups, dim=1) if groups > 1 else part


def _mixed(near: Tensor, near_sums: Tensor, far: Tensor, far_sums: Tensor) -> Tensor:
    """(N, H, d) of two parts of one softmax, given the logs (H, N) of their sums."""
    share = torch.sigmoid(far_sums - near_sums).transpose(0, 1)[..., None]  # (N, H, 1)
    return torch.lerp(near.float(), far.float(), share).to(near.dtype)
