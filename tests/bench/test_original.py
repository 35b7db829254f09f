"""The re-implementation of the original's loop, against recorded outputs of the original.

Only what reproduces them may be measured as "the original".
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.networks import experts
from bench.original import Past, forward, greedy, image_features
from lvlm_eval.models.moe_llava.recorded.bench import set_up
from lvlm_eval.models.moe_llava.recorded.fixture import read_fixture

GOLDEN = Path(__file__).parents[1] / "data/golden/moe_llava"


@pytest.mark.parametrize("name", ["phi", "phi_top1", "phi_residual", "phi_drop"])
def test_its_logits_and_answers_are_the_recorded_ones(name: str) -> None:
    bench = set_up(read_fixture(GOLDEN / name), GOLDEN / name)
    with torch.inference_mode():
        prompt = bench.network.splice([bench.prompts[0]], bench.pixels[:1])
        logits, past = forward(bench.network, prompt.embeds, Past())
        answer = greedy(bench.network, prompt.embeds, 16)
    recorded = bench.fixture.tensors["logits"]
    torch.testing.assert_close(logits, recorded.view_as(logits), atol=2e-4, rtol=0)
    assert past[0][0].shape[2] == prompt.embeds.shape[1]
    assert list(answer) == bench.fixture.facts.values["generated_ids"]


def test_a_tower_run_to_its_end_gives_the_same_features() -> None:
    pair = experts(seed=0)
    pixels = torch.randn(1, 3, 336, 336, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(
            image_features(pair, pixels), pair.network.image_features(pixels)
        )
