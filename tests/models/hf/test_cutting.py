"""Which models transformers can cut over how many processes, by their configurations alone."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    CLIPVisionConfig,
    LlavaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen3VLConfig,
    Qwen3VLMoeConfig,
)

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.models.hf.cutting import check_can_be_cut, check_was_cut

SMALL = {"hidden_size": 72, "num_hidden_layers": 2, "head_dim": 8, "vocab_size": 99}


def empty(config: PreTrainedConfig) -> PreTrainedModel:
    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(config)


def llava(heads: int, kv_heads: int, width: int) -> PreTrainedModel:
    words = AutoConfig.for_model(
        "llama",
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=width,
        **SMALL,
    )
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3}
    return empty(LlavaConfig(text_config=words, vision_config=CLIPVisionConfig(**sizes)))


def experts(width: int) -> PreTrainedModel:
    words = {"num_attention_heads": 8, "num_key_value_heads": 8, "moe_intermediate_size": width}
    return empty(Qwen3VLMoeConfig(text_config={**SMALL, **words, "num_experts": 3}))


def test_heads_and_channels_that_divide_are_cut_and_the_tower_does_not_matter() -> None:
    check_can_be_cut(llava(8, 4, 48), 4)
    check_can_be_cut(llava(9, 3, 48), 3)
    check_can_be_cut(experts(6), 2)


@pytest.mark.parametrize(
    ("sizes", "ranks", "said"),
    [
        ((8, 2, 48), 4, r"tp=4: Llava.* 2 heads in .*k_proj.* 4 .*fits: tp=1 or tp=2$"),
        ((9, 9, 48), 2, r"9 heads in .*q_proj.weight, which 2 .*fits: tp=1 or tp=3$"),
        ((8, 8, 50), 4, r"50 channels in .*gate_proj.weight, which 4 .*: tp=1 or tp=2$"),
    ],
)
def test_what_does_not_divide_says_what_does(
    sizes: tuple[int, int, int], ranks: int, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        check_can_be_cut(llava(*sizes), ranks)


def test_of_two_matrices_side_by_side_each_is_cut() -> None:
    said = r"6 channels in .*gate_up_proj, which 4 .*: tp=1 or tp=2$"
    with pytest.raises(UsageError, match=said):
        check_can_be_cut(experts(6), 4)


def test_a_plan_for_the_head_alone_is_none() -> None:
    with pytest.raises(CheckpointError, match=r"no plan to cut the layers of Qwen3VLFor"):
        check_can_be_cut(empty(Qwen3VLConfig()), 2)


def test_a_model_that_was_left_whole_is_found_out() -> None:
    with pytest.raises(CheckpointError, match=r"has left LlavaFor.* whole on every process"):
        check_was_cut(llava(8, 4, 48))
