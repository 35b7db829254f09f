"""Mixture of experts: softmax router, top-1 or top-2, drop-free or under a capacity.

DeepSpeed 0.9.5 (`deepspeed/moe/sharded_moe.py`) is the reference for capacity routing and the
balancing loss. Two departures, both on purpose: the second expert is the best of the rest and
not sampled (its Gumbel noise is on in evaluation too and unseeded; pass `noise` to have it),
and by default nothing is dropped. N tokens of all sequences, D width, E experts, k of them chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from .config import DecoderConfig, MoEConfig
from .grouped import GroupedExperts, grouped
from .layers import MLP, decoder_mlp

RoutingKind = Literal["argmax", "capacity"]


@dataclass(frozen=True, slots=True)
class Routing:
    """How the tokens of one forward find their experts.

    kind:      "argmax" serves every choice; "capacity" drops what is over an expert's capacity.
    noise:     layer to (N, E), added to the logits where the second expert is chosen.
    generator: which tokens survive top-1 overflow; without one the earliest do.
    """

    kind: RoutingKind = "argmax"
    noise: Mapping[int, Tensor] | None = None
    generator: torch.Generator | None = None


ARGMAX = Routing()


@dataclass(frozen=True, slots=True)
class RouterStats:
    """What a router decided for N tokens.

    logits (N, E) fp32; choices (N, k), best first; weights (N, k) fp32, 0 where dropped;
    kept (N, k); capacity: slots of an expert, N without capacity routing.
    """

    layer: int
    logits: Tensor
    choices: Tensor
    weights: Tensor
    kept: Tensor
    capacity: int

    @property
    def combine(self) -> Tensor:
        """(N, E): each expert's weight, 0 where not chosen or dropped."""
        return torch.zeros_like(self.logits).scatter(1, self.choices, self.weights)

    @property
    def counts(self) -> Tensor:
        """(E,): tokens by first choice, before dropping."""
        return self.choices[:, 0].bincount(minlength=self.logits.shape[1])

    @property
    def load(self) -> Tensor:
        """(E,): the share of tokens that each expert really serves; sums to k if none dropped."""
        served = self.choices[self.kept].bincount(minlength=self.logits.shape[1])
        return served / len(self.logits)

    @property
    def dropped(self) -> Tensor:
        """(): how many tokens lost at least one of their choices."""
        return (~self.kept).any(dim=1).sum()

    @property
    def aux_loss(self) -> Tensor:
        """(): E * sum over experts of mean probability times share of first choices.

        1 where both are even. Padding rows count, as in the original.
        """
        probabilities = self.logits.softmax(dim=-1).mean(dim=0)  # (E,)
        shares = self.counts.to(probabilities.dtype) / len(self.logits)  # (E,)
        return (probabilities * shares).sum() * self.logits.shape[1]


class Router(nn.Module):
    """A linear layer in fp32, whatever the network's dtype, and the choice of experts.

    exact: in float64, rounded to fp32 once (`deterministic.py`).
    """

    def __init__(self, width: int, experts: int, config: MoEConfig, layer: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, width, dtype=torch.float32))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        self.config, self.layer, self.exact = config, layer, False

    def forward(self, x: Tensor, routing: Routing) -> RouterStats:
        """The fate of tokens (N, D)."""
        kind = torch.float64 if self.exact else torch.float32
        logits = (x.to(kind) @ self.weight.to(kind).t()).float()  # (N, E)
        probabilities = logits.softmax(dim=-1)  # (N, E)
        choices = self._choose(logits, probabilities, routing)  # (N, k)
        weights = probabilities.gather(1, choices)  # (N, k)
        kept = torch.ones_like(choices, dtype=torch.bool)
        limit = len(x)
        if routing.kind == "capacity":
            limit = self._capacity(len(x))
            kept = keep_within(choices, self.weight.shape[0], limit, routing.generator)
            weights = weights * kept
        if self.config.top_k == 2:  # a single expert keeps its raw probability
            total = weights.sum(dim=1, keepdim=True)
            weights = weights / total.clamp(min=torch.finfo(weights.dtype).eps)
        return RouterStats(self.layer, logits, choices, weights, kept, limit)

    def _choose(self, logits: Tensor, probabilities: Tensor, routing: Routing) -> Tensor:
        """(N, k): the likeliest expert, then the best of the others, noise added to these."""
        first = probabilities.argmax(dim=-1, keepdim=True)  # (N, 1)
        if self.config.top_k == 1:
            return first
        scores = logits.detach()
        if routing.noise is not None:
            scores = scores + routing.noise[self.layer].to(scores)
        second = scores.scatter(1, first, float("-inf")).argmax(dim=-1, keepdim=True)
        return torch.cat((first, second), dim=1)  # (N, 2)

    def _capacity(self, tokens: int) -> int:
        config = self.config
        factor = config.capacity_factor if self.training else config.eval_capacity_factor
        return capacity(tokens, self.weight.shape[0], factor * config.top_k, config.min_capacity)


def capacity(tokens: int, experts: int, factor: float, minimum: int) -> int:
    """Slots of an expert: ceil(tokens / experts * factor), at least `minimum`.

    The product is rounded to fp32 as in the reference, so that a whole number stays one.
    """
    exact = torch.tensor(tokens / experts) * torch.tensor(factor)
    return max(int(exact.ceil()), minimum)


def keep_within(
    choices: Tensor, experts: int, limit: int, generator: torch.Generator | None
) -> Tensor:
    """(N, k): which choices find a slot, of `limit` an expert.

    Slots go to first choices in token order, then to second choices in token order, counted
    after all first ones, the dropped among them too. With one choice and a generator the
    survivors of an overflow are drawn at random instead.
    """
    by_rank = choices.t().flatten()  # (k * N,), all first choices before all second ones
    taken = torch.zeros(len(by_rank), experts, dtype=torch.int64, device=choices.device)
    taken.scatter_(1, by_rank[:, None], 1)  # (k * N, E)
    if generator is not None and choices.shape[1] == 1:
        order = torch.randperm(len(by_rank), generator=generator, device=generator.device)
        order = order.to(choices.device)
        slots = torch.empty_like(taken)
        slots[order] = taken[order].cumsum(dim=0)
    else:
        slots = taken.cumsum(dim=0)
    slot = slots.gather(1, by_rank[:, None]).squeeze(1) - 1  # (k * N,)
    return (slot < limit).view(choices.shape[1], -1).t()  # (N, k)


class MoELayer(nn.Module):
    """A router over E MLPs; with `residual` a dense MLP beside them, mixed in per token.

    places: (E,), where in `experts` each of them is, len(experts) for one that is not here and
    adds nothing; None where all are here, in their order.
    """

    def __init__(self, decoder: DecoderConfig, config: MoEConfig, layer: int) -> None:
        super().__init__()
        experts = config.experts_of(layer)
        self.router = Router(decoder.width, experts, config, layer)
        self.experts = nn.ModuleList(decoder_mlp(decoder) for _ in range(experts))
        self.shared: MLP | None = decoder_mlp(decoder) if config.residual else None
        self.mixer: nn.Linear | None = nn.Linear(decoder.width, 2) if config.residual else None
        self.grouped: GroupedExperts | None = None  # the same experts, where that pays
        self.places: Tensor | None = None

    def forward(self, x: Tensor, routing: Routing) -> tuple[Tensor, RouterStats]:
        """(B, T, D) to (B, T, D), and what the router decided for the B * T tokens."""
        tokens = x.flatten(0, -2)  # (N, D)
        stats: RouterStats = self.router(tokens, routing)
        if self.grouped is not None and routing.kind == "argmax":
            mixed = self.grouped.mix(tokens, self._placed(stats), stats.weights)
        else:
            mixed = self._mix(tokens, stats)
        out = mixed.view_as(x)  # (B, T, D)
        if self.shared is None or self.mixer is None:
            return out, stats
        shares: Tensor = self.mixer(x).softmax(dim=-1)  # (B, T, 2)
        return out * shares[..., :1] + self.shared(x) * shares[..., 1:], stats

    def group(self) -> None:
        """Has the experts multiplied together from now on, if they are plain layers."""
        plain = [expert for expert in self.experts if isinstance(expert, MLP)]
        self.grouped = grouped(plain, partial=self.places is not None)

    def _placed(self, stats: RouterStats) -> Tensor:
        """The choices (N, k) as places in `experts`."""
        return stats.choices if self.places is None else self.places[stats.choices]

    def _mix(self, tokens: Tensor, stats: RouterStats) -> Tensor:
        """(N, D): the weighted sum of each token's experts, of those that are here.

        Choices are sorted by expert, so each expert multiplies one block of its own tokens.
        """
        top_k = stats.choices.shape[1]
        flat = self._placed(stats).flatten().masked_fill(~stats.kept.flatten(), len(self.experts))
        order = flat.argsort(stable=True)  # (N * k,), choices that nobody serves last
        sizes = flat.bincount(minlength=len(self.experts) + 1).tolist()
        weights = stats.weights.to(tokens.dtype).flatten()  # (N * k,)
        out = torch.zeros_like(tokens)
        for expert, chosen in zip(self.experts, torch.split(order, sizes)[:-1], strict=True):
            if len(chosen):
                rows = chosen // top_k
                part: Tensor = expert(tokens[rows]) * weights[chosen, None]
                out.index_add_(0, rows, part)
        return out
