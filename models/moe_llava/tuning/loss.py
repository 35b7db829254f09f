"""The loss of a batch: next-token cross-entropy, and the balancing of experts.

B sequences, T positions, D width, V vocabulary, M positions with a label.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..decoder import Context
from ..moe import Routing
from ..network import Network
from ..splice import IGNORED
from .data import Batch


def tuning_loss(network: Network, batch: Batch, coefficient: float, routing: Routing) -> Tensor:
    """(): mean cross-entropy over labelled positions, plus the coefficient times the sum of the
    layers' balancing losses.

    Logits are computed where there is a label and nowhere else. Padding is on the right, where
    a causal decoder's real tokens never look, so no mask is needed; as in the original, padding
    is routed and counted in the balancing loss.
    """
    spliced = network.splice(batch.token_ids, batch.pixels, labels=batch.labels)
    hidden, stats = network.decoder(
        spliced.embeds, Context(spliced.positions, routing=routing)
    )  # (B, T, D)
    assert spliced.labels is not None
    targets = spliced.labels[:, 1:]  # (B, T - 1)
    labelled = targets != IGNORED
    logits = network.decoder.logits(hidden[:, :-1][labelled])  # (M, V)
    loss = F.cross_entropy(logits, targets[labelled])
    for layer in stats:
        loss = loss + coefficient * layer.aux_loss
    return loss
