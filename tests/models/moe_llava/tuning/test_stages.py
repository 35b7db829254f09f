from __future__ import annotations

from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.tuning.stages import ALIGN, INSTRUCT, SPECIALISE, Stage

from .conftest import MakeNetwork


def _trained(stage: Stage, config: NetworkConfig, make_network: MakeNetwork) -> set[str]:
    names = (name for name, _ in make_network(config).named_parameters())
    return {name for name in names if stage.trainable(name)}


def test_the_first_stage_trains_the_projector_alone(
    dense: NetworkConfig, make_network: MakeNetwork
) -> None:
    names = {name for name, _ in make_network(dense).named_parameters()}
    assert _trained(ALIGN, dense, make_network) == {
        name for name in names if name.startswith("projector.")
    }


def test_the_second_stage_trains_all_but_the_tower(
    dense: NetworkConfig, make_network: MakeNetwork
) -> None:
    names = {name for name, _ in make_network(dense).named_parameters()}
    frozen = names - _trained(INSTRUCT, dense, make_network)
    assert frozen == {name for name in names if name.startswith("vision.")}


def test_the_third_stage_trains_what_the_originals_name_filter_lets_through(
    config: NetworkConfig, make_network: MakeNetwork
) -> None:
    trained = _trained(SPECIALISE, config, make_network)
    assert "decoder.blocks.0.mlp.router.weight" in trained
    assert "decoder.blocks.2.mlp.experts.1.up.weight" in trained
    assert "decoder.blocks.1.mlp.up.weight" in trained  # a dense layer's
    assert "projector.layers.0.weight" in trained
    rest = {"attention", "norm", "embedding", "head", "vision"}
    assert not [name for name in trained if rest & set(name.split("."))]


def test_the_recipe_is_the_originals() -> None:
    assert [(s.rate, s.batch, s.template) for s in (ALIGN, INSTRUCT, SPECIALISE)] == [
        (1e-3, 256, "plain"),
        (2e-5, 128, "chat"),
        (2e-5, 128, "chat"),
    ]
