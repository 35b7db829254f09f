"""The cache gives back what was put in, in order, whatever the buffers do."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.models.moe_llava.engine.kv_cache import KVCache


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_all_tokens_come_back_in_order(lengths: list[int]) -> None:
    cache = KVCache(2)
    added: list[torch.Tensor] = []
    for number, length in enumerate(lengths):
        new = torch.full((2, 3, length, 4), float(number))
        added.append(new)
        for layer in range(2):
            cache.add(layer, new + layer, -new)
            keys, values = cache.all(layer)
            assert torch.equal(keys, torch.cat(added, dim=2) + layer)
            assert torch.equal(values, -torch.cat(added, dim=2))
    assert cache.length == sum(lengths)


def test_kept_rows_go_on_by_themselves() -> None:
    cache = KVCache(1)
    first = torch.arange(3.0)[:, None, None, None].expand(3, 1, 5, 2)
    cache.add(0, first, first)
    cache.keep(torch.tensor([2, 0]))
    more = torch.full((2, 1, 1, 2), 9.0)
    cache.add(0, more, more)
    keys, _ = cache.all(0)
    assert keys[:, 0, :, 0].tolist() == [[2.0] * 5 + [9.0], [0.0] * 5 + [9.0]]
