"""All experts of a layer in one grouped matrix product, with nothing asked of the host.

The loop over experts in `moe.py` must know how many tokens each has before it can call it: on a
GPU the host then waits for the device in every layer of every step. Here the sizes stay on the
device. On a CPU there is nothing to gain (bench/moe.py); there it serves the tests alone.
N tokens, k experts a token, E experts, D width, F width inside an expert.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import MLP


@dataclass(frozen=True, slots=True)
class _Stacked:
    """E linear layers as one: weight (E, D, D'), bias (E, D')."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, rows: Tensor, ends: Tensor, owners: Tensor) -> Tensor:
        """(N * k, D) to (N * k, D') for rows in the order of their experts (N * k,)."""
        out = F.grouped_mm(rows, self.weight, offs=ends)
        return out if self.bias is None else out + self.bias[owners.clamp(max=len(self.bias) - 1)]


@dataclass(frozen=True, slots=True)
class GroupedExperts:
    """The experts of one layer; their own parameters are views of these.

    partial: whether tokens may choose an expert that is not among them.
    """

    up: _Stacked
    gate: _Stacked | None
    down: _Stacked
    activation: Callable[[Tensor], Tensor]
    partial: bool = False

    def mix(self, tokens: Tensor, choices: Tensor, weights: Tensor) -> Tensor:
        """(N, D): each token's experts, choices (N, k), weighed (N, k) and summed.

        Where they are partial a choice of E, one more than there is, adds nothing.
        """
        chosen = choices.flatten()  # (N * k,)
        order = chosen.argsort(stable=True)
        owners = chosen[order]
        every = torch.arange(self.up.weight.shape[0], device=tokens.device)
        ends = (owners <= every[:, None]).sum(dim=1).to(torch.int32)  # (E,)
        rows = tokens[order // choices.shape[1]]  # (N * k, D)
        hidden = self.up(rows, ends, owners)  # (N * k, F)
        if self.gate is None:
            hidden = self.activation(hidden)
        else:
            hidden = self.activation(self.gate(rows, ends, owners)) * hidden
        out = torch.empty_like(rows)
        out[order] = self.down(hidden, ends, owners)
        out = out.view(*choices.shape, -1)  # (N, k, D)
        if self.partial:  # rows of nobody were not multiplied: they hold anything
            out = out.masked_fill((choices == len(every))[..., None], 0)
        scaled = out * weights.to(out.dtype)[..., None]  # (N, k, D)
        return scaled.sum(dim=1)


def serves(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether torch multiplies in groups natively: bfloat16 on compute capability 9 or newer."""
    if device.type != "cuda" or dtype != torch.bfloat16:
        return False
    return torch.cuda.get_device_capability(device) >= (9, 0)


def grouped(experts: Sequence[MLP], *, partial: bool = False) -> GroupedExperts | None:
    """The experts as one, their weights moved together; None where they are no plain layers."""
    if not experts:
        return None
    first = experts[0]
    up, down = (_stacked([getattr(e, name) for e in experts]) for name in ("up", "down"))
    gate = _stacked([e.gate for e in experts if e.gate is not None]) if first.gate else None
    if up is None or down is None or (first.gate is not None and gate is None):
        return None
    return GroupedExperts(up, gate, down, first.activation, partial)


def _stacked(layers: Sequence[nn.Module]) -> _Stacked | None:
    """The layers' weights in one piece of memory, of which theirs become views."""
    plain = [layer for layer in layers if type(layer) is nn.Linear]
    if len(plain) < len(layers) or any(type(p.weight.data) is not Tensor for p in plain):
        return None
    weight = _moved([layer.weight for layer in plain])  # (E, D', D)
    biases: list[Tensor] = [layer.bias for layer in plain if layer.bias is not None]
    return _Stacked(weight.transpose(1, 2), _moved(biases) if biases else None)


def _moved(parameters: Sequence[Tensor]) -> Tensor:
    together = torch.stack([parameter.data for parameter in parameters])
    for parameter, place in zip(parameters, together, strict=True):
        parameter.data = place
    return together
