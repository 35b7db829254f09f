"""How large a model of transformers is, from its files' headers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import save_file

from lvlm_eval.models.hf.opening import open_checkpoint
from lvlm_eval.models.hf.size import size_of

from .conftest import Folders


@pytest.mark.parametrize("name", ["llava", "qwen2_vl"])
def test_the_count_is_that_of_the_loaded_model(checkpoint: Folders, name: str) -> None:
    opened = open_checkpoint(str(checkpoint(name)))
    model = opened.load(torch.float32, "cpu", "sdpa")
    size = size_of(opened.config, opened.weight_files)
    assert size["parameters"] == size["activated"] == model.num_parameters()
    assert ("image_size" in size) == (name == "llava")


def test_of_experts_only_the_chosen_share_works(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    tensors = {"layers.0.mlp.experts.0.w": torch.zeros(10, 4), "layers.0.norm": torch.zeros(7)}
    save_file(tensors, file)
    config = transformers.PretrainedConfig(num_experts=8, num_experts_per_tok=2)
    assert size_of(config, [file]) == {"parameters": 47, "activated": 17}
    unknown = transformers.PretrainedConfig()
    assert size_of(unknown, [file]) == {"parameters": 47}


def test_weights_that_are_no_safetensors_are_not_counted(tmp_path: Path) -> None:
    assert size_of(transformers.PretrainedConfig(), [tmp_path / "pytorch_model.bin"]) == {}
