"""That the ways to compute an expert layer compute the same."""

from __future__ import annotations

import pytest
import torch

from bench.moe import DENSE, KINDS, OURS, made_layer, sides


@pytest.mark.parametrize(("experts", "top_k"), KINDS)
@pytest.mark.parametrize("tokens", [1, 3, 50])  # with one and three some experts have nothing
@torch.inference_mode()
def test_all_sides_give_the_same_output(experts: int, top_k: int, tokens: int) -> None:
    found = sides(made_layer(experts, top_k, seed=1), tokens, seed=1)
    x = torch.randn(1, tokens, 384, generator=torch.Generator().manual_seed(2))
    expected = found[OURS](x)
    assert expected.std() > 0.1
    assert {"one-hot", "each expert", "grouped_mm"} <= found.keys()
    for name in found.keys() - {DENSE}:
        torch.testing.assert_close(found[name](x), expected, atol=1e-4, rtol=0, msg=name)
