"""From a dense network to one with experts: each expert starts as a copy of the layer's MLP."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..build import build_random
from ..config import MoEConfig, NetworkConfig
from ..network import Network


def sparse_layers(layers: int, experts: int, *, top_k: int = 2) -> MoEConfig:
    """Experts in every even layer, the original's mode `sparse`, with its capacities."""
    chosen = tuple(range(0, layers, 2))
    return MoEConfig(
        layers=chosen,
        experts=(experts,) * len(chosen),
        top_k=top_k,
        capacity_factor=1.5,
        eval_capacity_factor=2.0,
        min_capacity=0,
    )


def upcycle(
    dense: Network, config: NetworkConfig, moe: MoEConfig, generator: torch.Generator
) -> tuple[Network, NetworkConfig]:
    """A network with experts and its config; the dense one (of `config`) stays as it is.

    Experts, and the shared MLP beside them, are equal copies, so with normalised weights
    (top-2) the logits are those of the dense network. Routers and mixers are fresh.
    """
    if config.moe is not None:
        raise ValueError("this network has experts already; upcycling starts from a dense one")
    sparse = replace(config, moe=moe)
    network = build_random(sparse, generator, dense.dtype)
    source = dense.state_dict()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            origin = _origin(name)
            if origin in source:
                parameter.copy_(source[origin])
    return network, sparse


def _origin(name: str) -> str:
    """The dense network's parameter that this one starts from, if it has such a name."""
    before, found, after = name.partition(".mlp.")
    first, _, rest = after.partition(".")
    if found and first == "experts":
        after = rest.partition(".")[2]
    elif found and first == "shared":
        after = rest
    return f"{before}{found}{after}"
