"""A fixture's pictures, embeddings, logits, routing and losses, in single forwards.

T tokens of a prompt, S positions after splicing, E experts, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..moe import ARGMAX, RouterStats, Routing
from ..network import Output
from ..splice import IGNORED, IMAGE_TOKEN
from .bench import Bench
from .fixture import Value

_UNLABELLED = 10  # so many leading positions of the recorded labels are ignored


def pictures(bench: Bench) -> dict[str, Value]:
    """From pixels to spliced embeddings, of the first picture and prompt."""
    network, ids = bench.network, bench.prompts[0]
    assert network.vision is not None
    labels = ids.masked_fill(ids == IMAGE_TOKEN, IGNORED)
    spliced = network.splice([ids], bench.pixels[:1], labels=[labels])
    assert spliced.labels is not None
    return {
        "pixel_values": bench.pixels,
        "tower_features": network.vision(bench.pixels[:1]),
        "image_features": network.image_features(bench.pixels[:1]),
        "inputs_embeds": spliced.embeds,
        "inputs_embeds_shape": list(spliced.embeds.shape),
        "spliced_labels": spliced.labels,
        "labels": _labels(ids)[None],
    }


def prompt(bench: Bench) -> dict[str, Value]:
    """The first prompt under capacity routing: logits, routing, losses."""
    output = bench.forward(bench.prompts[0], bench.pixels[:1])
    values: dict[str, Value] = {
        "logits": output.logits,
        "logit_std": output.logits.std().item(),
        "loss_with_labels": _loss(bench, output),
    }
    if not output.stats:
        return values
    values |= routed(output.stats)
    values |= {
        "moe_layers": [stats.layer for stats in output.stats],
        "moe_loss": _balancing(bench, output.stats),
        "exp_counts_first_choice": [stats.counts.tolist() for stats in output.stats],
        "expert_load": [stats.load.tolist() for stats in output.stats],
        "dropped": [int(stats.dropped) for stats in output.stats],
        "min_router_margin": min(map(_margin, output.stats)),
    }
    return values | {"capacity": capacities(output.stats), "l_aux": balance(output.stats)}


def drop_free(bench: Bench) -> dict[str, Value]:
    """The first prompt with drop-free experts, under names of its own."""
    output = bench.forward(bench.prompts[0], bench.pixels[:1], ARGMAX)
    values: dict[str, Value] = {"logits": output.logits, **routed(output.stats)}
    return {f"drop_free.{name}": value for name, value in values.items()}


def variants(bench: Bench) -> dict[str, Value]:
    """Without a picture, with two, and with the recorded noise on the second expert."""
    values: dict[str, Value] = {}
    tensors = bench.fixture.tensors
    if "text_only_ids" in tensors:
        text = bench.forward(bench.here(tensors["text_only_ids"][0].long()), None)
        values["text_only_logits"] = text.logits
    if "two_images.input_ids" in tensors:
        both = bench.forward(bench.here(tensors["two_images.input_ids"][0].long()), bench.pixels)
        values["two_images.logits_last"] = both.logits[:, -1]
    noise = {layer: bench.here(drawn) for layer, drawn in bench.fixture.noise().items()}
    if noise:
        noisy = bench.forward(bench.prompts[0], bench.pixels[:1], Routing("capacity", noise))
        values["gumbel.logits_last"] = noisy.logits[:, -1]
        values["gumbel.l_aux"] = balance(noisy.stats)
        weights = {f"combine_weights.{s.layer}": s.combine for s in noisy.stats}
        values |= {f"gumbel.{name}": value for name, value in weights.items()}
    return values


def routed(all_stats: Sequence[RouterStats]) -> dict[str, Value]:
    """Router logits (S, E), choices (S, k) and combine weights (S, E) of each MoE layer."""
    values: dict[str, Value] = {}
    for stats in all_stats:
        values[f"gate_logits.{stats.layer}"] = stats.logits
        values[f"expert_idx.{stats.layer}"] = stats.choices
        values[f"combine_weights.{stats.layer}"] = stats.combine
    return values


def balance(all_stats: Sequence[RouterStats]) -> list[float]:
    return [stats.aux_loss.item() for stats in all_stats]


def capacities(all_stats: Sequence[RouterStats]) -> list[int]:
    return [stats.capacity for stats in all_stats]


def _labels(ids: Tensor) -> Tensor:
    """The prompt's own ids without its first positions and its picture, (T,)."""
    labels = ids.masked_fill(ids == IMAGE_TOKEN, IGNORED)
    labels[:_UNLABELLED] = IGNORED
    return labels


def _loss(bench: Bench, output: Output) -> float:
    """Mean cross-entropy of the next token plus the balancing loss."""
    ids = bench.prompts[0]
    labels = bench.network.splice([ids], bench.pixels[:1], labels=[_labels(ids)]).labels
    assert labels is not None
    entropy = F.cross_entropy(output.logits[0, :-1], labels[0, 1:], ignore_index=IGNORED)
    return entropy.item() + _balancing(bench, output.stats)


def _balancing(bench: Bench, all_stats: Sequence[RouterStats]) -> float:
    moe = bench.network.decoder.moe
    return moe.aux_loss_coef * sum(balance(all_stats)) if moe else 0.0


def _margin(stats: RouterStats) -> float:
    """The smallest gap between neighbouring logits down to the first that is not chosen."""
    chosen = stats.choices.shape[1]
    ordered = stats.logits.sort(dim=-1, descending=True).values[:, : chosen + 1]
    return (ordered[:, :-1] - ordered[:, 1:]).min().item()


def last_logits(logits: Tensor, valid: Tensor) -> Tensor:
    """(B, V): the logits of each row's last valid position, of (B, S, V) and (B, S)."""
    last = valid.shape[1] - 1 - valid.flip(1).int().argmax(dim=1)
    return logits[torch.arange(len(logits)), last]
