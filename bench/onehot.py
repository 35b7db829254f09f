"""Experts as DeepSpeed 0.9.5 runs them: a slot for every token in every expert, filled by one-hot
masks, so that zero rows are multiplied.

`deepspeed/moe/sharded_moe.py` of that version, written anew from `MoELayer`'s own modules. Left
out, both cheap: the noise on the second expert, since answers are to be equal, and the
balancing loss. S tokens, E experts, C slots of each, M width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lvlm_eval.models.moe_llava.moe import MoELayer


def one_hot_experts(layer: MoELayer, x: Tensor) -> Tensor:
    """The layer's output (..., M), its residual branch included.

    Over capacity the earliest tokens of an expert survive; with top-1 the original draws them.
    """
    tokens = x.flatten(0, -2)  # (S, M)
    combine = combine_weights(layer, tokens)  # (S, E, C)
    dispatch = combine.bool().to(tokens.dtype)
    slots = torch.einsum("sec,sm->ecm", dispatch, tokens)
    filled = torch.stack(
        [expert(rows) for expert, rows in zip(layer.experts, slots, strict=True)]
    )  # (E, C, M)
    out = torch.einsum("sec,ecm->sm", combine.to(tokens.dtype), filled).view_as(x)
    if layer.shared is None or layer.mixer is None:
        return out
    shares: Tensor = layer.mixer(x).softmax(dim=-1)  # (..., 2)
    mixed: Tensor = out * shares[..., :1] + layer.shared(x) * shares[..., 1:]
    return mixed


def combine_weights(layer: MoELayer, tokens: Tensor) -> Tensor:
    """(S, E, C): the weight of each token in the slot that it has; 0 where it has none."""
    config, experts = layer.router.config, len(layer.experts)
    limit = max(
        math.ceil(len(tokens) / experts * config.eval_capacity_factor * config.top_k),
        config.min_capacity,
    )
    logits = tokens.float() @ layer.router.weight.float().t()  # (S, E)
    gates = logits.softmax(dim=1)
    masks, free = [], logits
    for _ in range(config.top_k):
        mask = F.one_hot(free.argmax(dim=1), experts)  # (S, E)
        free = free.masked_fill(mask.bool(), -torch.inf)
        masks.append(mask)
    weights, places, before = [], [], torch.zeros_like(masks[0][:1])
    for mask in masks:
        place = mask.cumsum(dim=0) - 1 + before  # (S, E), of second choices after all first
        before = before + mask.sum(dim=0, keepdim=True)
        kept = mask * (place < limit)
        weights.append(torch.einsum("se,se->s", gates, kept.float()))
        places.append((kept, (place * kept).sum(dim=1)))  # (S, E), (S,)
    if config.top_k == 2:  # a single expert keeps its raw probability
        total = (weights[0] + weights[1]).clamp(min=torch.finfo(gates.dtype).eps)
        weights = [weight / total for weight in weights]
    combine = torch.zeros(len(tokens), experts, limit, device=tokens.device)
    for weight, (kept, place) in zip(weights, places, strict=True):
        gated = weight[:, None] * kept  # (S, E)
        combine = combine + torch.einsum("se,sc->sec", gated, F.one_hot(place, limit).float())
    return combine
