"""Which part of each parameter a rank of a replica holds: plain arithmetic over names and shapes.

Shoeybi et al. 2019 (arXiv 1909.08053): of two matrices one after the other, the first is cut by
its outputs and the second by its inputs, so that one sum over the ranks follows both. So are
attention (by heads) and MLPs (by hidden channels); head and embedding are cut by vocabulary and
by channels and followed by one gathering. Experts are dealt out to `ep` groups of ranks; those
of a group cut each of its experts among themselves. Norms, routers and mixers are on all ranks,
and so are projector and tower, unless the tower is large.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lvlm_eval.errors import UsageError
from lvlm_eval.placement import Placement

from ..config import DecoderConfig, NetworkConfig

_BY_OUTPUT = re.compile(r"(up|gate)\.(weight|bias)")
_LAYER = re.compile(r"(decoder|vision)\.blocks\.(\d+)\.(attention|mlp)\.(?:(shared)\.)?(.+)")
_EXPERT = re.compile(r"experts\.(\d+)\.(.+)")


@dataclass(frozen=True, slots=True)
class Part:
    """Rows (axis 0) or columns (axis 1) of a parameter, from start to before stop."""

    axis: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


# For each MoE layer, the group that holds each of its experts.
Homes = Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Seat:
    """A rank among the `tp` of a replica. homes: where the experts live.

    tower: whether the image tower is cut like the decoder.
    """

    placement: Placement
    rank: int
    homes: Homes
    tower: bool = False

    @property
    def ranks(self) -> int:
        return self.placement.tp

    @property
    def group(self) -> int:
        """Which of the `ep` groups it belongs to; neighbours share one."""
        return self.rank // self.together

    @property
    def together(self) -> int:
        """How many ranks share an expert."""
        return self.placement.tp // self.placement.ep

    def held(self, layer: int) -> list[int]:
        """The layer's experts that live here, in their order."""
        return [expert for expert, home in enumerate(self.homes[layer]) if home == self.group]


def even(total: int, rank: int, ranks: int) -> tuple[int, int]:
    """The rank's piece of so many things in pieces of one size; the last may be smaller."""
    size = -(-total // ranks)
    return min(rank * size, total), min((rank + 1) * size, total)


def key_heads(config: DecoderConfig, rank: int, ranks: int) -> tuple[int, int]:
    """The key heads that the rank's query heads read; where ranks are more, several have one."""
    if config.kv_heads % ranks == 0:
        return even(config.kv_heads, rank, ranks)
    first = rank * config.kv_heads // ranks
    return first, first + 1


def part_of(name: str, shape: Sequence[int], seat: Seat, config: NetworkConfig) -> Part | None:
    """What the rank holds of a parameter; None where it holds nothing of it."""
    ranks = (seat.rank, seat.ranks)
    whole = Part(0, 0, shape[0])
    if name == "decoder.embedding.weight":
        return Part(1, *even(shape[1], *ranks))
    if name == "decoder.head.weight":
        return Part(0, *even(shape[0], *ranks))
    found = _LAYER.fullmatch(name)
    if found is None or (found[1] == "vision" and not seat.tower):
        return whole
    side, layer, kind, _, leaf = found.groups()
    if kind == "attention":
        heads = config.decoder if side == "decoder" else None
        return _of_attention(leaf, shape, seat, heads)
    expert = _EXPERT.fullmatch(leaf)
    if expert is None:
        return _of_mlp(leaf, shape, *ranks) if leaf[0] in "ugd" else whole
    if int(expert[1]) not in seat.held(int(layer)):
        return None
    return _of_mlp(expert[2], shape, seat.rank % seat.together, seat.together)


def _of_attention(
    leaf: str, shape: Sequence[int], seat: Seat, config: DecoderConfig | None
) -> Part | None:
    if leaf == "out.weight":
        return Part(1, *even(shape[1], seat.rank, seat.ranks))
    if leaf == "out.bias":
        return _once(shape, seat.rank)
    if config is not None and leaf.startswith(("key.", "value.")):
        first, end = key_heads(config, seat.rank, seat.ranks)
        return Part(0, first * config.head_width, end * config.head_width)
    return Part(0, *even(shape[0], seat.rank, seat.ranks))


def _of_mlp(leaf: str, shape: Sequence[int], rank: int, ranks: int) -> Part | None:
    if _BY_OUTPUT.fullmatch(leaf):
        return Part(0, *even(shape[0], rank, ranks))
    return Part(1, *even(shape[1], rank, ranks)) if leaf == "down.weight" else _once(shape, rank)


def _once(shape: Sequence[int], rank: int) -> Part | None:
    """What is added to a sum over ranks, one of them has."""
    return Part(0, 0, shape[0]) if rank == 0 else None


def check_divides(config: NetworkConfig, placement: Placement) -> None:
    """UsageError for a network that cannot be cut so, with the sizes that can."""
    why = _why_not(config, placement.tp, placement.ep)
    if why is None:
        return
    decoder = config.decoder
    fitting = [
        f"tp={tp}" + (f",ep={ep}" if ep > 1 else "")
        for tp in range(1, decoder.heads + 1)
        for ep in sorted({1, placement.ep})
        if tp % ep == 0 and _why_not(config, tp, ep) is None
    ]
    asked = f"tp={placement.tp},ep={placement.ep}"
    raise UsageError(f"--parallel {asked}: {why}; what fits: {' or '.join(fitting)}")


def _why_not(config: NetworkConfig, tp: int, ep: int) -> str | None:
    decoder, moe = config.decoder, config.moe
    if decoder.heads % tp:
        return f"{decoder.heads} attention heads do not divide by {tp}"
    if decoder.kv_heads % tp and tp % decoder.kv_heads:
        return f"neither of {decoder.kv_heads} key heads and {tp} ranks divides the other"
    plain = moe is None or moe.residual or len(moe.layers) < decoder.layers
    if plain and decoder.mlp_width % tp:
        return f"{decoder.mlp_width} channels of an MLP do not divide by {tp}"
    if decoder.mlp_width % (tp // ep):
        return f"{decoder.mlp_width} channels of an expert do not divide by {tp // ep}"
    most = max(moe.experts, default=0) if moe else 0
    if ep > max(1, most):
        return f"there are {most} experts in a layer, so some of {ep} groups would hold none"
    return None
