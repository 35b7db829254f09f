"""Merging by small numbers; fused weights; what an adapter may not ask for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.backbones import PHI, QWEN
from lvlm_eval.models.moe_llava.convert import network_table
from lvlm_eval.models.moe_llava.lora import Merged, merge, read_deltas, read_planned
from lvlm_eval.models.moe_llava.reading import CPU
from lvlm_eval.models.moe_llava.stored import Stored, stored_tensors

TABLE = network_table(PHI, "linear")
LAYER = "base_model.model.model.layers.0."
PAIR = {
    f"{LAYER}mlp.fc1.lora_A.weight": torch.tensor([[1.0, 0.0]]),
    f"{LAYER}mlp.fc1.lora_B.weight": torch.tensor([[2.0], [1.0]]),
}


def write(folder: Path, matrices: dict[str, Tensor], **settings: object) -> None:
    save_file(matrices, folder / "adapter_model.safetensors")
    config = {"r": 1, "lora_alpha": 0.5} | settings
    (folder / "adapter_config.json").write_text(json.dumps(config))


def weight(folder: Path, tensor: Tensor) -> Stored:
    save_file({"w": tensor}, folder / "weight.safetensors")
    return stored_tensors([folder / "weight.safetensors"])[0]


def test_w_plus_scale_b_a_by_hand(tmp_path: Path) -> None:
    write(tmp_path, PAIR)
    deltas = read_deltas(tmp_path, TABLE)
    name = "decoder.blocks.0.mlp.up.weight"
    planned = merge({name: weight(tmp_path, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))}, deltas)
    assert isinstance(planned[name], Merged)
    merged = read_planned(planned[name], torch.float32, CPU)
    assert merged.tolist() == [[2.0, 2.0], [3.5, 4.0]]


def test_the_sum_is_rounded_once(tmp_path: Path) -> None:
    write(tmp_path, PAIR, lora_alpha=0.003)
    name = "decoder.blocks.0.mlp.up.weight"
    stored = weight(tmp_path, torch.tensor([[1.0, 2.0], [3.0, 4.0]]).bfloat16())
    planned = merge({name: stored}, read_deltas(tmp_path, TABLE))
    merged = read_planned(planned[name], torch.bfloat16, CPU)
    assert merged.dtype == torch.bfloat16
    # 1.006 rounds up to the next bf16 after 1, 3.003 back to 3
    assert merged.tolist() == [[1.0078125, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(("stabilised", "scale"), [(False, 2.0), (True, 4.0)])
def test_the_scale_is_alpha_over_rank_or_its_root(
    tmp_path: Path, stabilised: bool, scale: float
) -> None:
    matrices = {
        f"{LAYER}mlp.fc1.lora_A.default.weight": torch.ones(4, 2),
        f"{LAYER}mlp.fc1.lora_B.default.weight": torch.ones(2, 4),
    }
    write(tmp_path, matrices, r=4, lora_alpha=8, use_rslora=stabilised)
    (delta,) = read_deltas(tmp_path, TABLE).values()
    assert delta.scale == scale


def test_a_fused_weights_delta_is_split_by_rows(tmp_path: Path) -> None:
    key = "base_model.model.transformer.h.0.attn.c_attn.lora_"
    b = torch.arange(6.0)[:, None]
    write(tmp_path, {f"{key}A.weight": torch.ones(1, 2), f"{key}B.weight": b})
    deltas = read_deltas(tmp_path, network_table(QWEN, "linear"))
    parts = {
        name: read_planned(delta.b, torch.float32, CPU).flatten().tolist()
        for name, delta in deltas.items()
    }
    attention = "decoder.blocks.0.attention."
    assert parts == {
        f"{attention}query.weight": [0.0, 1.0],
        f"{attention}key.weight": [2.0, 3.0],
        f"{attention}value.weight": [4.0, 5.0],
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use_dora": True}, r"adapter_config\.json: use_dora is True, which is not read"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save is"),
        ({"bias": "all"}, "bias is 'all'"),
        ({"rank_pattern": {"fc1": 8}}, "rank_pattern is"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa'"),
        ({"peft_type": "IA3"}, "peft_type 'IA3' is not read"),
        ({"r": 0}, "'r', the rank, must be at least 1, got 0"),
        ({"r": 3}, r"matrices of model\.layers\.0\.mlp\.fc1 are not of rank 3"),
    ],
)
def test_what_peft_can_do_besides_is_refused_by_name(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    write(tmp_path, PAIR, **settings)
    with pytest.raises(CheckpointError, match=message):
        read_deltas(tmp_path, TABLE)


@pytest.mark.parametrize(
    ("matrices", "message"),
    [
        ({f"{LAYER}mlp.fc1.lora_magnitude_vector": torch.ones(2)}, "is no LoRA matrix"),
        (
            {f"{LAYER}mlp.fc1.lora_A.second.weight": torch.ones(1, 2)},
            "is no LoRA matrix of a linear layer",
        ),
        ({f"{LAYER}mlp.fc1.lora_A.weight": torch.ones(1, 2)}, "has only one of its two"),
        (
            {key.replace("mlp.fc1", "mlp.fc7"): t for key, t in PAIR.items()},
            r"fc7\.weight', which is no part of this",
        ),
        (
            {key.replace("layers.0.mlp", "image_tower.mlp"): t for key, t in PAIR.items()},
            "no part of what runs here",
        ),
    ],
)
def test_matrices_of_anything_else_are_refused(
    tmp_path: Path, matrices: dict[str, Tensor], message: str
) -> None:
    write(tmp_path, matrices)
    with pytest.raises(CheckpointError, match=message):
        read_deltas(tmp_path, TABLE)


def test_a_delta_must_fit_its_weight(tmp_path: Path) -> None:
    write(tmp_path, PAIR)
    deltas = read_deltas(tmp_path, TABLE)
    with pytest.raises(CheckpointError, match=r"config\.json has no place for it"):
        merge({}, deltas)
    stored = weight(tmp_path, torch.ones(5, 2))
    with pytest.raises(CheckpointError, match=r"of shape \[2, 2\]; the base's has \[5, 2\]"):
        merge({"decoder.blocks.0.mlp.up.weight": stored}, deltas)
    cut = weight(tmp_path, torch.ones(1, 2))
    merged = merge({"decoder.blocks.0.mlp.up.weight": cut}, deltas)
    assert read_planned(next(iter(merged.values())), torch.float32, CPU).tolist() == [[2.0, 1.0]]
