"""What the ranks of a replica say to each other while they compute: two kinds, as hooks.

Attention and MLP of a layer end in partial results, which are summed over the ranks; embedding
and head give pieces, which are gathered. Every rank then has the same bits, so that all choose
the same experts and the same tokens.
N rows, D width, p ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.distributed
import torch.nn.functional as F
from torch import Tensor, nn

from lvlm_eval.wire import partners

from ..decoder import Block
from ..moe import MoELayer, RouterStats
from ..network import Network
from ..vision import VisionBlock
from .parts import Seat

Sum = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Ranks:
    """torch's default process group, which is a replica's.

    exact: sums do not depend on where in a tensor a number stands (`deterministic.py`).
    """

    count: int
    exact: bool = False

    def sum(self, x: Tensor) -> Tensor:
        """The sum over the ranks, on all of them; the tensor's own memory is used."""
        if self.exact:
            # a ring begins the sums of different pieces at different ranks
            pieces = self.pieces(x)  # (p, ...)
            return pieces.double().sum(dim=0).to(x.dtype)
        x = x.contiguous()
        with partners():
            torch.distributed.all_reduce(x)
        return x

    def gather(self, x: Tensor) -> Tensor:
        """(..., n) of each rank to (..., p * n), in the order of ranks."""
        return self.pieces(x).movedim(0, -2).flatten(-2)

    def pieces(self, x: Tensor) -> Tensor:
        """(p, ...): the tensors of all ranks."""
        x = x.contiguous()
        found = x.new_empty(self.count, *x.shape)
        with partners():
            torch.distributed.all_gather(list(found.unbind()), x)
        return found

    def smallest(self, number: int, device: torch.device) -> int:
        """The smallest of the ranks' numbers."""
        held = torch.tensor([number], dtype=torch.int64, device=device)
        with partners():
            torch.distributed.all_reduce(held, torch.distributed.ReduceOp.MIN)
        return int(held)


def join(network: Network, seat: Seat, ranks: Ranks, vocabulary: int) -> None:
    """Has a narrowed network compute with the other ranks. vocabulary: of the whole."""
    decoder = network.decoder
    decoder.embedding.register_forward_hook(lambda _, given, out: ranks.gather(out))
    assert decoder.head is not None
    decoder.head.register_forward_hook(_whole_logits(ranks, vocabulary))
    for block in decoder.blocks:
        assert isinstance(block, Block)
        block.attention.out.register_forward_hook(_summed(ranks.sum))
        if isinstance(block.mlp, MoELayer):
            if block.mlp.places is not None:
                block.mlp.places = block.mlp.places.to(network.device)
            block.mlp.register_forward_hook(_experts_summed(ranks.sum))
        else:
            block.mlp.register_forward_hook(_summed(ranks.sum))
    if seat.tower and network.vision is not None:
        for one in network.vision.blocks:
            assert isinstance(one, VisionBlock)
            one.attention.out.register_forward_hook(_summed(ranks.sum))
            one.mlp.register_forward_hook(_summed(ranks.sum))


def _summed(total: Sum) -> Callable[[nn.Module, object, Tensor], Tensor]:
    return lambda module, given, out: total(out)


def _experts_summed(
    total: Sum,
) -> Callable[[nn.Module, object, tuple[Tensor, RouterStats]], tuple[Tensor, RouterStats]]:
    return lambda module, given, out: (total(out[0]), out[1])


def _whole_logits(ranks: Ranks, vocabulary: int) -> Callable[[nn.Module, object, Tensor], Tensor]:
    """Gathers (..., V / p), of which the last ranks may have fewer, to (..., V)."""
    share = -(-vocabulary // ranks.count)

    def gathered(module: nn.Module, given: object, out: Tensor) -> Tensor:
        padded = F.pad(out, (0, share - out.shape[-1]))
        return ranks.gather(padded)[..., :vocabulary]

    return gathered
