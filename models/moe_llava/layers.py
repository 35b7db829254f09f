"""Activations, norms and the MLP that tower, decoder and experts share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import Activation, DecoderConfig, NormKind


def quick_gelu(x: Tensor) -> Tensor:
    """CLIP's x * sigmoid(1.702 x)."""
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "quick_gelu": quick_gelu,
    "silu": F.silu,
}


class RMSNorm(nn.Module):
    """x over its root mean square, computed in fp32 and cast back before the weight."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        exact = x.float()
        scale = torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * (exact * scale).to(x.dtype)


def make_norm(kind: NormKind, width: int, eps: float) -> nn.Module:
    """LayerNorm with weight and bias, or RMSNorm."""
    return RMSNorm(width, eps) if kind == "rms" else nn.LayerNorm(width, eps=eps)


class MLP(nn.Module):
    """down(act(up(x))), or down(act(gate(x)) * up(x)) where gated. (..., D) to (..., D)."""

    def __init__(
        self, width: int, hidden: int, activation: Activation, *, gated: bool, bias: bool
    ) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden, bias=bias)
        self.gate = nn.Linear(width, hidden, bias=bias) if gated else None
        self.down = nn.Linear(hidden, width, bias=bias)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.up(x)
        hidden = (
            self.activation(hidden) if self.gate is None else self.activation(self.gate(x)) * hidden
        )
        out: Tensor = self.down(hidden)
        return out


def decoder_mlp(config: DecoderConfig) -> MLP:
    """The decoder's MLP: a dense layer's, one expert's or the residual branch's."""
    return MLP(
        config.width, config.mlp_width, config.activation, gated=config.gated, bias=config.mlp_bias
    )
