"""A checkpoint loaded by the ranks of a replica, each its own part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import torch.distributed
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from lvlm_eval.errors import EvalError
from lvlm_eval.placement import Place

from ..checkpoint import Checkpoint
from ..config import NetworkConfig
from ..deterministic import make_deterministic
from ..engine.footprint import Footprint
from ..network import Network
from ..settings import DTYPES, Settings
from .collectives import Ranks, join
from .experts import in_turn
from .parts import Seat, check_divides
from .replica import agree
from .sharing import cuts_tower, narrow
from .wire import Wire

_MEETING = timedelta(minutes=5)  # until all ranks are there
_COMPUTING = timedelta(minutes=10)  # until a collective without an answer raises


@dataclass(frozen=True, slots=True)
class Shared:
    """What a rank has of a replica: its part of the network, and the way to the others.

    budget: positions that all ranks have room for.
    """

    network: Network
    wire: Wire
    budget: int


def open_shared(
    checkpoint: Checkpoint, vocabulary: int, settings: Settings, place: Place
) -> Shared:
    """The rank's part, loaded; all ranks of the replica call it.

    What one of them cannot do is a CheckpointError in all.
    """
    join_group(place, settings.device)
    wire, network, problem = Wire(), None, ""
    try:
        network = _load(checkpoint, vocabulary, settings, place)
    except EvalError as error:
        problem = str(error)
    agree(wire, problem)
    assert network is not None
    ranks = Ranks(place.placement.tp, exact=settings.deterministic)
    free = Footprint.of(network).free(network)
    return Shared(network, wire, settings.batch_tokens or ranks.smallest(free, network.device))


def join_group(place: Place, device: str) -> None:
    """Makes torch's default process group of the replica's ranks alone: gloo, nccl on GPUs."""
    rank = place.rank
    opens = rank.rank == 0 and not rank.hosted
    store = TCPStore(rank.address, rank.port, None, opens, _MEETING, wait_for_workers=False)
    torch.distributed.init_process_group(
        "nccl" if device.startswith("cuda") else "gloo",
        store=PrefixStore(f"lvlm_eval/{rank.attempt}/replica/{place.replica}", store),
        rank=place.inner,
        world_size=place.placement.tp,
        timeout=_COMPUTING,
    )


def _load(checkpoint: Checkpoint, vocabulary: int, settings: Settings, place: Place) -> Network:
    config, dtype = checkpoint.network_config(vocabulary), DTYPES[settings.dtype]
    check_divides(config, place.placement)
    seat = _seat(config, place, dtype.itemsize)
    own = partial(narrow, seat=seat, config=config)
    network = checkpoint.load(vocabulary, dtype, settings.device, settings.quant, own)
    if settings.deterministic:
        make_deterministic(network)
    else:
        network.group_experts()
    join(network, seat, Ranks(seat.ranks, exact=settings.deterministic), vocabulary)
    return network


def _seat(config: NetworkConfig, place: Place, itemsize: int) -> Seat:
    experts = dict(zip(config.moe.layers, config.moe.experts, strict=True)) if config.moe else {}
    homes = in_turn(experts, place.placement.ep)
    tower = cuts_tower(config.vision, place.placement.tp, itemsize)
    return Seat(place.placement, place.inner, homes, tower)
