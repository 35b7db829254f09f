"""How large a network is: against the paper's table, and against the weights themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.shapes import CLIP_LARGE_336, SHAPES
from lvlm_eval import open_model
from lvlm_eval.abilities import Sized
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.config_file import read_config
from lvlm_eval.models.moe_llava.counts import size_of
from lvlm_eval.models.moe_llava.fields import Fields


def network(name: str) -> NetworkConfig:
    shape = SHAPES[name]
    layers = int(str(shape.config["num_hidden_layers"]))
    written = json.loads(json.dumps(shape.config_json(layers)))
    config = read_config(Fields(written, name))
    return config.network(Fields(CLIP_LARGE_336, name), config.decoder.vocab_size)


@pytest.mark.parametrize(
    ("name", "billions"),
    [("phi2-2.7b-4e", 3.6), ("qwen-1.8b-4e", 2.2)],
)
def test_the_language_model_s_activated_parameters_are_the_paper_s(
    name: str, billions: float
) -> None:
    alone = size_of(replace(network(name), vision=None, projector=None))
    assert round(alone["activated"] / 1e9, 1) == billions
    assert "image_size" not in alone


def test_all_that_runs_is_counted_tower_and_projector_too() -> None:
    whole = network("qwen-1.8b-4e")
    alone = replace(whole, vision=None, projector=None)
    assert size_of(whole)["parameters"] > size_of(alone)["parameters"] + 280_000_000
    assert size_of(whole)["image_size"] == 336


def test_a_model_without_experts_works_with_all_it_has() -> None:
    model = open_model("demo:dense")
    assert isinstance(model, Sized)
    size = model.size()
    assert size["parameters"] == size["activated"]


def test_the_count_is_that_of_the_weights_that_are_loaded(golden: Path) -> None:
    model = open_model(str(golden / "phi"), towers=str(golden / "phi" / "towers"))
    assert isinstance(model, Sized)
    loaded = model.engine.network.parameters()  # type: ignore[attr-defined]
    assert model.size()["parameters"] == sum(parameter.numel() for parameter in loaded)
