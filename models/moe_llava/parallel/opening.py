"""A checkpoint loaded by the ranks of a replica, each its own part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from lvlm_eval.errors import EvalError
from lvlm_eval.launcher import join_replica
from lvlm_eval.placement import Place
from lvlm_eval.wire import Wire, agree

from ..checkpoint import Checkpoint
from ..config import NetworkConfig
from ..deterministic import make_deterministic
from ..engine.footprint import Footprint
from ..network import Network
from ..settings import DTYPES, Settings
from .collectives import Ranks, join
from .experts import in_turn
from .measured import Measured
from .parts import Seat, check_divides
from .sharing import cuts_tower, narrow


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
    join_replica(place, settings.device)
    wire, network, problem = Wire(), None, ""
    try:
        network = load_own(checkpoint, vocabulary, settings, place)
    except EvalError as error:
        problem = str(error)
    agree(wire, problem)
    assert network is not None
    ranks = Ranks(place.placement.tp, exact=settings.deterministic)
    free = Footprint.of(network).free(network)
    return Shared(network, wire, settings.batch_tokens or ranks.smallest(free, network.device))


def load_own(checkpoint: Checkpoint, vocabulary: int, settings: Settings, place: Place) -> Network:
    """The rank's part of the network; loading sends nothing to the others."""
    config, dtype = checkpoint.network_config(vocabulary), DTYPES[settings.dtype]
    check_divides(config, place.placement)
    seat = _seat(config, place, dtype.itemsize, settings.measured)
    own = partial(narrow, seat=seat, config=config)
    network = checkpoint.load(vocabulary, dtype, settings.device, settings.quant, own)
    if settings.deterministic:
        make_deterministic(network)
    else:
        network.group_experts()
    join(network, seat, Ranks(seat.ranks, exact=settings.deterministic), vocabulary)
    return network


def _seat(config: NetworkConfig, place: Place, itemsize: int, measured: Measured | None) -> Seat:
    experts = dict(zip(config.moe.layers, config.moe.experts, strict=True)) if config.moe else {}
    groups = place.placement.ep
    homes = measured.homes(groups) if measured else in_turn(experts, groups)
    tower = cuts_tower(config.vision, place.placement.tp, itemsize)
    return Seat(place.placement, place.inner, homes, tower)
