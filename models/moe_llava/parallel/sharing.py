"""A network without memory, and the plan of loading it, narrowed to what one rank holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from ..checkpoint import Plan
from ..config import NetworkConfig, VisionConfig
from ..decoder import Block
from ..lora import Delta, Merged
from ..moe import MoELayer
from ..network import Network
from ..stored import Stored
from ..tied import EMBEDDING, HEAD
from .parts import Part, Seat, key_heads, part_of

_TOWER = 1 << 30  # bytes of a tower from which on it is cut; on all ranks it costs no messages


def cuts_tower(vision: VisionConfig | None, ranks: int, itemsize: int) -> bool:
    """Whether the image tower is so large that each rank should have a part of it.

    itemsize: bytes of a weight. Only matrices of layers count, for only they are cut.
    """
    if vision is None or vision.heads % ranks or vision.mlp_width % ranks:
        return False
    layer = 4 * vision.width**2 + 2 * vision.width * vision.mlp_width
    return vision.used_layers * layer * itemsize >= _TOWER


def narrow(
    network: Network, planned: Mapping[str, Stored | Merged], seat: Seat, config: NetworkConfig
) -> Plan:
    """What the rank's parameters become; the network is narrowed to them in place.

    config: that of the whole network, which must have no memory yet (device "meta").
    """
    whole = dict(planned)
    if network.decoder.head is None:  # rows of it are wanted here, columns of the embedding
        width, vocabulary = config.decoder.width, config.decoder.vocab_size
        network.decoder.head = nn.Linear(width, vocabulary, bias=False, device="meta")
        whole[HEAD] = whole[EMBEDDING]
    mine: Plan = {}
    for name, parameter in list(network.named_parameters()):
        part = part_of(name, parameter.shape, seat, config)
        _resize(network, name, parameter, part)
        if part is not None:
            mine[_renamed(name, seat)] = cut(whole[name], part)
    _keep_own(network, seat, config)
    return mine


def cut(planned: Stored | Merged, part: Part) -> Stored | Merged:
    """That part of a stored tensor, and of what is added to it."""
    if isinstance(planned, Merged):
        delta = planned.delta
        a, b = delta.a, delta.b
        if part.axis:
            a = a.columns(part.start, part.stop)
        else:
            b = b.rows(part.start, part.stop)
        weight = cut(planned.weight, part)
        assert isinstance(weight, Stored)
        return Merged(weight, Delta(a, b, delta.scale))
    if part.axis:
        return planned.columns(part.start, part.stop)
    if part.size == planned.shape[0]:
        return planned
    return planned.rows(part.start, part.stop)


def _resize(network: Network, name: str, parameter: nn.Parameter, part: Part | None) -> None:
    """Gives the parameter's module one of the part's shape, or none."""
    owner, _, leaf = name.rpartition(".")
    module = network.get_submodule(owner)
    if part is None:
        setattr(module, leaf, None)
        return
    shape = list(parameter.shape)
    shape[part.axis] = part.size
    setattr(module, leaf, nn.Parameter(torch.empty(shape, device="meta"), requires_grad=False))
    if isinstance(module, nn.Linear) and leaf == "weight":
        module.out_features, module.in_features = shape


def _keep_own(network: Network, seat: Seat, config: NetworkConfig) -> None:
    """Tells modules how many heads they have, and takes away the experts that live elsewhere."""
    decoder = config.decoder
    first, end = key_heads(decoder, seat.rank, seat.ranks)
    heads, keys = decoder.heads // seat.ranks, end - first
    network.decoder.config = replace(
        decoder,
        heads=heads,
        kv_heads=keys,
        head_size=decoder.head_width,
        mlp_width=decoder.mlp_width // seat.together,
    )
    for layer, block in enumerate(network.decoder.blocks):
        assert isinstance(block, Block)
        block.attention.heads, block.attention.kv_heads = heads, keys
        if isinstance(block.mlp, MoELayer):
            experts = block.mlp.experts
            block.mlp.experts = nn.ModuleList(experts[expert] for expert in seat.held(layer))
            block.mlp.places = torch.tensor(_places(seat, layer))
    if seat.tower and network.vision is not None:
        for one in network.vision.blocks:
            one.attention.heads //= seat.ranks  # type: ignore[operator, union-attr]


def _renamed(name: str, seat: Seat) -> str:
    """The parameter's name once only the layer's own experts are counted."""
    before, found, after = name.partition(".mlp.experts.")
    if not found:
        return name
    expert, _, leaf = after.partition(".")
    held = seat.held(int(before.rpartition(".")[2]))
    return f"{before}{found}{held.index(int(expert))}.{leaf}"


def _places(seat: Seat, layer: int) -> list[int]:
    """Where among the rank's own experts each of the layer's is; their number for the others."""
    held = seat.held(layer)
    return [
        held.index(expert) if expert in held else len(held)
        for expert in range(len(seat.homes[layer]))
    ]
