from __future__ import annotations

from itertools import repeat

import pytest
import torch

from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN
from lvlm_eval.models.moe_llava.tuning.data import Batch
from lvlm_eval.models.moe_llava.tuning.stages import INSTRUCT, SPECIALISE
from lvlm_eval.models.moe_llava.tuning.train import Plan, tune

from .conftest import MakeNetwork

# Two pictures, one question, two answers: only who looks can learn this.
IDS = [torch.tensor([5, IMAGE_TOKEN, 7, answer]) for answer in (20, 30)]
LABELS = [torch.tensor([-100, -100, -100, answer]) for answer in (20, 30)]
PIXELS = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
BATCH = Batch(IDS, LABELS, PIXELS)


def test_the_rate_rises_then_falls_along_a_cosine() -> None:
    plan = Plan(steps=100, rate=2.0, warmup=0.04)
    assert [plan.rate_at(step) for step in (0, 1, 3, 4)] == [0.5, 1.0, 2.0, 2.0]
    assert plan.rate_at(52) == pytest.approx(1.0)
    assert plan.rate_at(76) == pytest.approx(2.0 * (1 - 0.5**0.5) / 2)
    assert 0 < plan.rate_at(99) < 0.001


@pytest.mark.parametrize("broken", [{"steps": 0}, {"rate": 0.0}, {"warmup": 1.0}])
def test_a_senseless_plan_is_refused(broken: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="sensible"):
        Plan(**({"steps": 10, "rate": 1e-3} | broken))  # type: ignore[arg-type]


def test_a_small_network_learns_two_pictures_by_heart(
    dense: NetworkConfig, make_network: MakeNetwork
) -> None:
    network = make_network(dense)
    losses: list[float] = []
    tune(
        network,
        repeat(BATCH),
        INSTRUCT.trainable,
        Plan(60, 3e-3),
        lambda step, loss: losses.append(loss),
    )
    assert losses[0] > 2
    assert losses[-1] < 0.05


def test_only_the_stages_parameters_move(config: NetworkConfig, make_network: MakeNetwork) -> None:
    network = make_network(config)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    tune(
        network,
        repeat(BATCH),
        SPECIALISE.trainable,
        Plan(3, 1e-2),
        lambda step, loss: None,
        aux_loss_coef=0.01,
    )
    moved = {n for n, value in network.state_dict().items() if not torch.equal(value, before[n])}
    assert moved
    assert all(SPECIALISE.trainable(name) for name in moved)
    assert "decoder.blocks.0.mlp.router.weight" in moved


def test_the_same_start_and_data_give_the_same_weights(
    config: NetworkConfig, make_network: MakeNetwork
) -> None:
    states = []
    for _ in range(2):
        network = make_network(config)
        tune(network, repeat(BATCH), INSTRUCT.trainable, Plan(3, 1e-3), lambda step, loss: None)
        states.append(network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_too_little_data_is_an_error(dense: NetworkConfig, make_network: MakeNetwork) -> None:
    network = make_network(dense)
    few = iter([BATCH] * 2)
    with pytest.raises(ValueError, match="before the 5 steps"):
        tune(network, few, INSTRUCT.trainable, Plan(5, 1e-3), lambda step, loss: None)
