"""Pre-training of a small image tower: it learns to name what each patch shows.

This stands in for CLIP where no pre-trained tower is at hand; afterwards the tower is frozen,
as it is in every stage of the original. I images, P patches, K properties, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..vision import VisionTower
from .train import Plan, Progress, optimise

Named = tuple[Tensor, Tensor]  # pixels (I, 3, size, size); class ids (I, P, K)


def pretrain_tower(
    tower: VisionTower,
    labelled: Iterator[Named],
    classes: Sequence[int],
    plan: Plan,
    progress: Progress,
    generator: torch.Generator,
) -> None:
    """Trains the tower so that each of K properties can be read linearly off its features.

    classes: how many values each property has. The linear layers are thrown away.
    """
    names = nn.Linear(tower.config.width, sum(classes))
    names.weight.data.normal_(0, 0.02, generator=generator)
    names.bias.data.zero_()

    def loss() -> Tensor:
        pixels, classes_shown = next(labelled)
        return naming_loss(names(tower(pixels)), classes_shown, classes)

    tower.requires_grad_(True)
    optimise([*tower.parameters(), *names.parameters()], loss, plan, progress)
    tower.requires_grad_(False)


def naming_loss(scores: Tensor, names: Tensor, classes: Sequence[int]) -> Tensor:
    """(): the properties' cross-entropies added up; scores (I, P, sum of classes)."""
    parts = torch.split(scores, list(classes), dim=-1)
    losses = [
        F.cross_entropy(part.flatten(0, 1), names[..., k].flatten()) for k, part in enumerate(parts)
    ]
    return torch.stack(losses).sum()
