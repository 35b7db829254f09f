"""Optimisation as the original trains: AdamW, linear warm-up, cosine decay to nothing.

A stage (`stages.py`) says what trains and how fast; the data comes as an iterator of batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import cos, pi

import torch
from torch import Tensor, nn

from ..moe import ARGMAX, Routing
from ..network import Network
from .data import Batch
from .loss import tuning_loss

Progress = Callable[[int, float], None]  # step, loss


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast: `warmup` is the share of steps in which the rate rises.

    clip: largest norm of the gradient, as the Hugging Face Trainer's default has it.
    """

    steps: int
    rate: float
    warmup: float = 0.03
    weight_decay: float = 0.0
    clip: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.rate <= 0 or not 0 <= self.warmup < 1:
            raise ValueError(f"steps, rate and warm-up must be sensible, got {self}")

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rising = round(self.steps * self.warmup)
        if step < rising:
            return self.rate * (step + 1) / rising
        done = (step - rising) / max(1, self.steps - rising)
        return self.rate * 0.5 * (1 + cos(pi * done))


def tune(
    network: Network,
    batches: Iterator[Batch],
    trainable: Callable[[str], bool],
    plan: Plan,
    progress: Progress,
    *,
    aux_loss_coef: float = 0.0,
    routing: Routing = ARGMAX,
) -> None:
    """Trains the parameters whose names `trainable` accepts; the others do not move.

    Raises ValueError where the data ends before the plan does.
    """
    network.train()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(trainable(name))

    def loss() -> Tensor:
        batch = next(batches, None)
        if batch is None:
            raise ValueError(f"the data ended before the {plan.steps} steps of the plan")
        return tuning_loss(network, batch, aux_loss_coef, routing)

    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimise(trained, loss, plan, progress)
    network.eval()


def optimise(
    parameters: Iterable[nn.Parameter],
    loss_of: Callable[[], Tensor],
    plan: Plan,
    progress: Progress,
) -> None:
    """Minimises what `loss_of` returns, a new batch's loss at each call."""
    trained = list(parameters)
    optimiser = torch.optim.AdamW(trained, lr=plan.rate, weight_decay=plan.weight_decay)
    for step in range(plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate_at(step)
        optimiser.zero_grad(set_to_none=True)
        loss = loss_of()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(trained, plan.clip)
        optimiser.step()
        progress(step, loss.item())
