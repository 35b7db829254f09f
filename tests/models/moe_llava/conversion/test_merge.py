"""A folder merged with its base is the model that the two are together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.config_file import Layout
from lvlm_eval.models.moe_llava.conversion.convert import convert
from lvlm_eval.models.moe_llava.conversion.job import Job

TOKENS = 504  # of the recorded qwen's tokenizer; its embedding has 512 rows
FUSED = "transformer.h.0.attn.c_attn.weight"
EXPERT = "transformer.h.2.mlp.deepspeed_moe.experts.deepspeed_experts.3.w2.weight"
SCALE = 0.5


@pytest.fixture
def adapted(golden: Path, tmp_path: Path) -> Path:
    """A LoRA folder of the recorded qwen; tmp_path/base is the model under it."""
    source, base, lora = golden / "qwen", tmp_path / "base", tmp_path / "lora"
    base.mkdir()
    lora.mkdir()
    tensors = dict(load_file(source / "model.safetensors"))
    projector = {key: tensors.pop(key) for key in list(tensors) if "mm_projector" in key}
    tensors = {key: tensor for key, tensor in tensors.items() if "tower" not in key}
    save_file(tensors, base / "model.safetensors")
    (base / "config.json").write_text("{}")
    for name in ("qwen.tiktoken", "tokenizer_config.json"):
        shutil.copy(source / name, base / name)
    shutil.copy(source / "config.json", lora / "config.json")
    shutil.copytree(source / "towers", lora / "towers")
    renamed = {f"base_model.model.{key}": tensor for key, tensor in projector.items()}
    torch.save(renamed, lora / "non_lora_trainables.bin")
    generator = torch.Generator().manual_seed(2)
    matrices = {}
    for key in (FUSED, EXPERT):
        stem = f"base_model.model.{key.removesuffix('.weight')}.lora_"
        rows, columns = tensors[key].shape
        matrices[f"{stem}A.weight"] = torch.randn(2, columns, generator=generator)
        matrices[f"{stem}B.weight"] = torch.randn(rows, 2, generator=generator)
    save_file(matrices, lora / "adapter_model.safetensors")
    (lora / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 2 * SCALE}))
    return lora


def run(source: Path, target: Path, to: Layout = "original", base: str = "") -> Path:
    return convert(str(source), "", Job(target, to, None, 1 << 40), base)


def state(folder: Path, base: str = "") -> dict[str, Tensor]:
    return dict(open_checkpoint(str(folder), base=base).load(TOKENS, torch.bfloat16).state_dict())


def test_a_merged_adapter_is_the_network_of_the_two(adapted: Path, tmp_path: Path) -> None:
    base = str(tmp_path / "base")
    merged = run(adapted, tmp_path / "merged", base=base)
    expected, got = state(adapted, base), state(merged)
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[name], tensor) for name, tensor in expected.items())
    assert json.loads((merged / "config.json").read_text())["vocab_size"] == TOKENS


def test_only_what_was_adapted_differs_from_the_base(adapted: Path, tmp_path: Path) -> None:
    base = load_file(tmp_path / "base" / "model.safetensors")
    merged = load_file(
        run(adapted, tmp_path / "out", base=str(tmp_path / "base")) / "model.safetensors"
    )
    matrices = load_file(adapted / "adapter_model.safetensors")
    for key, tensor in base.items():
        expected = (
            tensor[:TOKENS] if key in ("lm_head.weight", "transformer.wte.weight") else tensor
        )
        if key in (FUSED, EXPERT):
            stem = f"base_model.model.{key.removesuffix('.weight')}.lora_"
            added = matrices[f"{stem}B.weight"] @ matrices[f"{stem}A.weight"]
            expected = (tensor.float() + SCALE * added).to(tensor.dtype)
            assert not torch.equal(expected, tensor)
        assert merged[key].dtype == tensor.dtype
        assert torch.allclose(
            merged[key], expected, rtol=2**-7 if key in (FUSED, EXPERT) else 0, atol=0
        ), key
    assert {key for key in merged if key not in base} == {
        f"transformer.mm_projector.image_spatial_proj.{layer}.{end}"
        for layer in (0, 2)
        for end in ("weight", "bias")
    }


def test_llavas_projector_keeps_its_name(golden: Path, tmp_path: Path) -> None:
    source, base, rest = golden / "phi_dense", tmp_path / "base", tmp_path / "rest"
    shutil.copytree(source, base)
    rest.mkdir()
    tensors = dict(load_file(base / "model.safetensors"))
    stem = "model.mm_projector.image_spatial_proj."
    projector = {key: tensors.pop(key) for key in list(tensors) if key.startswith(stem)}
    save_file(tensors, base / "model.safetensors")
    torch.save(
        {key.replace(stem, "model.mm_projector."): t for key, t in projector.items()},
        rest / "mm_projector.bin",
    )
    shutil.copy(source / "config.json", rest / "config.json")
    shutil.copytree(source / "towers", rest / "towers")
    merged = load_file(run(rest, tmp_path / "out", base=str(base)) / "model.safetensors")
    assert torch.equal(merged["model.mm_projector.2.weight"], projector[f"{stem}2.weight"])
    assert not any(key.startswith(stem) for key in merged)


def test_what_cannot_be_merged_is_said(golden: Path, adapted: Path, tmp_path: Path) -> None:
    base = str(tmp_path / "base")
    with pytest.raises(CheckpointError, match=r"a LoRA adapter only .* \(of convert: --base\)"):
        run(adapted, tmp_path / "out")
    with pytest.raises(UsageError, match="--to original, then convert that folder"):
        run(adapted, tmp_path / "out", "transformers", base)
    with pytest.raises(CheckpointError, match=r"holds a whole model, so base=.* has no use"):
        run(golden / "phi", tmp_path / "out", base=base)
    assert not (tmp_path / "out").exists()
