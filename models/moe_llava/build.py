"""From a NetworkConfig to modules: empty ones for a checkpoint, or freshly initialised ones."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from .config import NetworkConfig
from .decoder import Decoder
from .layers import RMSNorm
from .moe import Router
from .network import Network
from .projector import Projector
from .qformer import QFormer
from .vision import VisionTower

_INITIALISERS = (
    *(torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.zero_, torch.Tensor.fill_),
    *(nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_, nn.init.constant_),
)
INITIAL_DEVIATION = 0.02  # all backbones' own `initializer_range`


def build_empty(config: NetworkConfig) -> Network:
    """A network whose parameters have shapes and no memory (device "meta")."""
    with torch.device("meta"), _WithoutInitialisation():
        return Network(
            Decoder(config.decoder, config.moe),
            VisionTower(config.vision) if config.vision else None,
            Projector(config.projector) if config.projector else None,
        )


class _WithoutInitialisation(TorchFunctionMode):
    """Modules made under this do not draw initial weights.

    On the device "meta" that has no effect but to import sympy and torch's compiler: 1.5 s of a
    fresh process. To inherit is how torch wants such a mode made.
    """

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Collection[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        if func in _INITIALISERS:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def build_random(
    config: NetworkConfig, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Network:
    """A network on the CPU with weights from N(0, 0.02), zero biases and unit norms.

    Routers start as DeepSpeed's do, uniform within 1 / sqrt(width), and stay fp32.
    """
    network = build_empty(config).to_empty(device="cpu")
    for module in network.modules():
        _initialise(module, generator)
    if network.vision is not None and network.vision.class_token is not None:
        network.vision.class_token.data.normal_(0, INITIAL_DEVIATION, generator=generator)
    return to_dtype(network, dtype)


def to_dtype(network: Network, dtype: torch.dtype) -> Network:
    """The network with all its parameters in the dtype, routers excepted: they are always fp32."""
    for module in network.modules():
        if not isinstance(module, Router):
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.to(dtype)
    return network


def _initialise(module: nn.Module, generator: torch.Generator) -> None:
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.Embedding)):
        module.weight.data.normal_(0, INITIAL_DEVIATION, generator=generator)
    if isinstance(module, (nn.LayerNorm, nn.GroupNorm, RMSNorm)):
        module.weight.data.fill_(1)
    if isinstance(module, QFormer):  # equal ones, as the original starts with, would stay equal
        module.queries.data.normal_(0, INITIAL_DEVIATION, generator=generator)
    if isinstance(module, Router):
        bound = module.weight.shape[1] ** -0.5
        module.weight.data.uniform_(-bound, bound, generator=generator)
    bias = getattr(module, "bias", None)
    if isinstance(bias, nn.Parameter):
        bias.data.zero_()
