"""The loss of a batch: next-token cross-entropy, and the balancing of experts.

B sequences, T positions, D width, V vocabulary, M positions with a label.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..decoder import Context
from ..moe import Routing
from ..network import Network
from ..splice import IGNORED, splice
from .branches import PADDING, STEM, mask_of, positions_of
from .data import Batch


def tuning_loss(network: Network, batch: Batch, coefficient: float, routing: Routing) -> Tensor:
    """(): mean cross-entropy over labelled positions, plus the coefficient times the sum of the
    layers' balancing losses.

    Logits are computed where there is a label and nowhere else. As in the original, padding is
    routed and counted in the balancing loss.
    """
    spliced = network.splice(batch.token_ids, batch.pixels, labels=batch.labels)
    assert spliced.labels is not None
    context = Context(spliced.positions, routing=routing)
    if batch.branches is not None:
        branches = _spliced_branches(network, batch, spliced.valid)  # (B, T)
        mask = mask_of(branches, spliced.embeds.dtype)
        context = replace(context, positions=positions_of(branches), mask=mask)
    # Without branches no mask is needed: padding is on the right, where causal rows never look.
    hidden, stats = network.decoder(spliced.embeds, context)  # (B, T, D)
    targets = spliced.labels[:, 1:]  # (B, T - 1)
    labelled = targets != IGNORED
    logits = network.decoder.logits(hidden[:, :-1][labelled])  # (M, V)
    loss = F.cross_entropy(logits, targets[labelled])
    for layer in stats:
        loss = loss + coefficient * layer.aux_loss
    return loss


def _spliced_branches(network: Network, batch: Batch, valid: Tensor) -> Tensor:
    """(B, T): branch numbers after splicing; images belong to the stem."""
    assert batch.branches is not None
    config = network.vision.config if network.vision is not None else None
    images = 0 if batch.pixels is None else len(batch.pixels)
    features = valid.new_zeros(images, config.features if config else 0, 1, dtype=torch.float32)
    spliced = splice(
        batch.token_ids,
        features,
        lambda ids: features.new_zeros(len(ids), 1),
        labels=batch.branches,
        side="right",
    )
    assert spliced.labels is not None
    return spliced.labels.masked_fill(spliced.labels == IGNORED, STEM).masked_fill(~valid, PADDING)
