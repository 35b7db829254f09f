from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from lvlm_eval.models.moe_llava.build import build_random
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.tuning.tower import Named, naming_loss, pretrain_tower
from lvlm_eval.models.moe_llava.tuning.train import Plan


def test_the_naming_loss_adds_up_the_properties() -> None:
    scores = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0))
    names = torch.tensor([[[0, 1], [1, 3], [0, 0]], [[1, 2], [0, 2], [1, 1]]])
    first = F.cross_entropy(scores[..., :2].reshape(6, 2), names[..., 0].reshape(6))
    second = F.cross_entropy(scores[..., 2:].reshape(6, 4), names[..., 1].reshape(6))
    torch.testing.assert_close(naming_loss(scores, names, (2, 4)), first + second)


def test_a_tower_learns_to_name_bright_patches_and_is_frozen_afterwards(
    dense: NetworkConfig,
) -> None:
    tower = build_random(dense, torch.Generator().manual_seed(0)).vision
    assert tower is not None
    generator = torch.Generator().manual_seed(1)

    def pictures() -> Iterator[Named]:
        while True:
            names = torch.randint(2, (32, 9, 1), generator=generator)
            bright = names.view(32, 1, 3, 3).repeat_interleave(4, 2).repeat_interleave(4, 3)
            yield bright.expand(-1, 3, -1, -1).float(), names

    losses: list[float] = []
    pretrain_tower(
        tower,
        pictures(),
        (2,),
        Plan(80, 3e-3),
        lambda step, loss: losses.append(loss),
        generator,
    )
    assert losses[0] > 0.5
    assert losses[-1] < 0.1
    assert not any(parameter.requires_grad for parameter in tower.parameters())
