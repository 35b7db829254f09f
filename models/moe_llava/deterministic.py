"""Numerics that do not depend on company: a row's result is the same among however many rows.

In half precision the kernel that multiplies one row rounds otherwise than the one for many, and
a sum over keys that is cut elsewhere rounds otherwise: near ties then fall to either side. Here

- the decoder's linear layers get their rows in tiles of one size, the last filled with zeros, so
  that it is always the same kernel at the same shape. That a row's place within its tile does not
  matter is no law of nature: it is tried, on the layers themselves, when the network is made so;
- attention and routers compute in float64 (`exact`), and are rounded once: whatever the order of
  the sums, what is left of it is far below what is kept;
- pictures go through tower and projector one by one.

He 2025, "Defeating Nondeterminism in LLM Inference", describes the trouble; the remedies are ours.
R rows, D width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lvlm_eval.errors import UsageError

from .attention import Attention
from .decoder import Decoder
from .moe import Router
from .network import Network

TILE = 32  # rows: docs/determinism.md has the price of other sizes


class Tiled(nn.Module):
    """A layer that treats every row by itself, called with TILE rows at a time."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D')."""
        rows = x.reshape(-1, x.shape[-1])  # (R, D)
        missing = -len(rows) % TILE
        tiles = torch.split(F.pad(rows, (0, 0, 0, missing)), TILE)
        done = torch.cat([self.layer(tile) for tile in tiles])[: len(rows)]
        return done.view(*x.shape[:-1], done.shape[-1])


def make_deterministic(network: Network) -> Network:
    """The network with such numerics, changed in place.

    Raises UsageError where this machine's kernels make a row's result depend on its place.
    """
    network.one_by_one = True
    _untie(network.decoder)
    for module in network.decoder.modules():
        if isinstance(module, (Attention, Router)):
            module.exact = True
    _check_places(network.decoder)
    for module in list(network.decoder.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, Tiled(child))
    return network


def _untie(decoder: Decoder) -> None:
    """Makes a tied head a layer like others, of the embedding's own weights."""
    if decoder.head is None:
        vocabulary, width = decoder.embedding.weight.shape
        decoder.head = nn.Linear(width, vocabulary, bias=False, device="meta")
        decoder.head.weight = decoder.embedding.weight


@torch.inference_mode()
def _check_places(decoder: Decoder) -> None:
    """One layer of each shape must give the rows of a tile the same results in another order."""
    tried = set()
    like = decoder.embedding.weight
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(TILE, generator=generator)
    for name, layer in decoder.named_modules():
        if not isinstance(layer, nn.Linear):
            continue
        shape = (layer.in_features, layer.out_features, layer.bias is None, layer.weight.dtype)
        if shape in tried:
            continue
        tried.add(shape)
        rows = torch.randn(TILE, layer.in_features, generator=generator).to(like)
        if not torch.equal(layer(rows)[order], layer(rows[order])):
            raise UsageError(
                f"deterministic=true: on {like.device} the layer decoder.{name} in {like.dtype} "
                "gives a row other results at another place among the rows, so answers would "
                "depend on what they are computed with; use dtype=float32, or leave it out"
            )
