"""Sharing a prefix is allowed to those models alone that it does not change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache, Gemma3TextConfig

from lvlm_eval.models.hf.adapter import HFModel
from lvlm_eval.models.hf.proof import why_not_run, why_not_shared
from lvlm_eval.models.hf.runner import can_be_shared

from .asking import open_tiny
from .conftest import Folders


def shown(model: HFModel) -> str:
    return why_not_shared(model.runner, model.encoder)


@pytest.mark.parametrize("kind", ["llava", "qwen2_vl", "idefics3"])
def test_models_that_count_positions_by_the_mask_may_share(checkpoint: Folders, kind: str) -> None:
    assert shown(open_tiny(checkpoint(kind))) == ""


def test_positions_that_start_anew_behind_the_prefix_are_found_out(
    checkpoint: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_tiny(checkpoint("llava"))
    network = model.runner.model
    original: Callable[..., Tensor] = network._prepare_position_ids_for_generation

    def anew(tensor: Tensor, given: dict[str, object]) -> Tensor:
        positions = original(tensor, given)
        past = given.get("past_key_values")
        length = past.get_seq_length() if isinstance(past, DynamicCache) else 0
        return (positions - length).clamp(min=0)

    monkeypatch.setattr(network, "_prepare_position_ids_for_generation", anew)
    assert shown(model).startswith("logits differ by")


def test_positions_kept_from_another_picture_are_found_out(
    checkpoint: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second picture has another shape, so what is kept from the first does not fit."""
    model = open_tiny(checkpoint("qwen2_vl"))
    network = model.runner.model
    assert shown(model) == ""
    monkeypatch.setattr(type(network.model), "rope_deltas", property(_first, _keep), raising=False)
    del network.model.__dict__["rope_deltas"]
    assert shown(model).startswith("logits differ by")


_KEPT: list[Tensor] = []


def _keep(network: torch.nn.Module, value: Tensor | None) -> None:
    if value is not None and value.any():
        _KEPT.append(value)


def _first(network: torch.nn.Module) -> Tensor | None:
    return _KEPT[0] if _KEPT else None


def test_a_model_that_refuses_a_cache_is_asked_whole_prompts(
    checkpoint: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_tiny(checkpoint("llava"))
    original = model.runner.model.generate

    def refusing(**given: object) -> object:
        if "past_key_values" in given:
            raise ValueError("no cache, please\nat all")
        return original(**given)

    monkeypatch.setattr(model.runner.model, "generate", refusing)
    assert shown(model) == "ValueError: no cache, please"


def test_a_template_that_shows_the_picture_last_leaves_nothing_to_share(
    checkpoint: Folders,
) -> None:
    model = open_tiny(checkpoint("llava"))
    last = (
        "{{ bos_token }}{% for m in messages %}{% for c in m['content'] if c['type'] == 'text' %}"
        "{{ c['text'] }}{% endfor %}<image>{% endfor %}"
    )
    object.__setattr__(model.opened, "template", last)
    assert shown(model) == "its prompts differ before the picture ends"


def test_caches_with_windows_or_states_are_not_shared() -> None:
    sliding = Gemma3TextConfig(num_hidden_layers=2, layer_types=["sliding_attention"] * 2)
    full = Gemma3TextConfig(num_hidden_layers=2, layer_types=["full_attention"] * 2)
    assert can_be_shared(DynamicCache(config=full))
    assert not can_be_shared(DynamicCache(config=sliding))


def test_what_a_model_fails_with_is_said_and_a_refused_question_is_not(
    checkpoint: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_tiny(checkpoint("llava"))
    assert why_not_run(model.runner, model.encoder) == ""

    def failing(**given: object) -> object:
        raise RuntimeError("mixed tensors\nand more")

    monkeypatch.setattr(model.runner.model, "generate", failing)
    assert why_not_run(model.runner, model.encoder) == "RuntimeError: mixed tensors"
    refusing = replace(model.encoder, template="{{ raise_exception('not so') }}")
    assert why_not_run(model.runner, refusing) == ""
