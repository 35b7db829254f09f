"""The count of operations, by hand."""

from __future__ import annotations

import pytest
import torch

from bench.floor import Phase, Product, count, phases
from bench.networks import DENSE, EXPERTS
from lvlm_eval.models.moe_llava.config import (
    DecoderConfig,
    NetworkConfig,
    ProjectorConfig,
    VisionConfig,
)
from lvlm_eval.models.moe_llava.engine.sequence import Picture, Question
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN


def ask(name: str, before: list[int], image: str, after: list[int]) -> Question:
    pictures = (Picture(image, torch.zeros(3, 4, 4)),)
    return Question(name, (*before, IMAGE_TOKEN, *after), pictures)


# two questions about image a that part after one token, and one about image b
QUESTIONS = [
    ask("1", [5], "a", [6, 7]),
    ask("2", [5], "a", [6, 8, 9]),
    ask("3", [5], "b", [6]),
]


def test_every_distinct_prefix_is_counted_once() -> None:
    at = count(QUESTIONS, features=4)
    assert at.lengths == (7, 8, 6)
    # shared: [5], image a (4), [6] after it; own: 7; 8, 9; image b (4), [6]
    assert (at.shared, at.own) == (1 + 4 + 1, 1 + 2 + 4 + 1)
    assert at.shared_pairs == 1 + (2 + 3 + 4 + 5) + 6
    assert at.own_pairs == 7 + (7 + 8) + (2 + 3 + 4 + 5) + 6


def test_operations_of_each_phase_by_hand() -> None:
    config = NetworkConfig(
        DecoderConfig(10, width=4, mlp_width=8, layers=2, heads=2, kv_heads=1, rotary_width=2),
        VisionConfig(width=6, mlp_width=12, layers=3, heads=2, image_size=4, patch_size=2),
        ProjectorConfig(2, 6, 4),
    )
    tower, shared, own, new = phases(config, QUESTIONS, new_tokens=3)
    # 2 images of 5 positions, 2 of 3 layers; 4 features each
    linear = 10 * (4 * 6 * 6 + 2 * 6 * 12) * 2 + 10 * 12 * 6 + 8 * (6 * 4 + 4 * 4)
    assert tower.operations == 2 * linear + 2 * (4 * 6 * 2 * 5 * 5)
    keys, rest = 2 * 4 * 2, 2 * 4 * 4 + 2 * 4 * 8
    assert shared.operations == 2 * 6 * (keys + rest + keys) + 4 * 4 * 21
    assert own.operations == (
        2 * (8 * (keys + rest + keys) + 3 * rest + 3 * 4 * 10) + 4 * 4 * (42 + 21)
    )
    pairs = (8 + 9) + (9 + 10) + (7 + 8)
    assert new.operations == 2 * (2 * 3 * (2 * (keys + rest) + 4 * 10)) + 2 * 4 * 4 * pairs


def test_experts_cost_what_the_chosen_ones_compute_and_the_router() -> None:
    dense = sum(phase.operations for phase in phases(DENSE, QUESTIONS, 2))
    sparse = sum(phase.operations for phase in phases(EXPERTS, QUESTIONS, 2))
    # top-2 of 4: twice the MLP in 3 of 6 layers, both MLPs being of one size, and their routers
    at = count(QUESTIONS, 576)
    rows = at.shared + at.own + 3  # layers 0, 2 and 4; one step of new tokens
    router, mlp = 2 * 3 * rows * 384 * 4, 2 * 3 * rows * 2 * 384 * 1536
    assert sparse - dense == router + mlp


def test_attention_goes_at_the_mean_speed_of_its_phase() -> None:
    slow, fast = Product(10, 5, 1), Product(10, 5, 9)
    phase = Phase("x", {slow: 1, fast: 1}, attention=1000.0)
    # 100 operations at 10 a second and 900 at 300: 13 s for 1000, so 26 s with attention's
    assert phase.seconds({slow: 10.0, fast: 300.0}) == pytest.approx(26.0)
