"""Mapped, straight or converted, a tensor read is the tensor stored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.reading import CPU, is_mapped, read_tensor
from lvlm_eval.models.moe_llava.stored import stored_tensors

ROWS, COLUMNS = 1200, 5000  # 12 MB in bf16: mapped, and more than one staging buffer


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = torch.Generator().manual_seed(0)
    large = torch.randn(ROWS, COLUMNS, generator=generator).bfloat16()
    path = tmp_path_factory.mktemp("weights") / "large.safetensors"
    save_file({"large": large, "small": large[:3].float().contiguous()}, path)
    return path


@pytest.fixture
def large(file: Path) -> torch.Tensor:
    return torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(0)).bfloat16()


def test_a_large_tensor_in_its_own_type_is_mapped(file: Path, large: torch.Tensor) -> None:
    stored = {s.key: s for s in stored_tensors([file])}["large"]
    assert is_mapped(stored, torch.bfloat16, CPU)
    assert torch.equal(read_tensor(stored), large)
    assert torch.equal(read_tensor(stored.rows(7, 1100)), large[7:1100])


def test_writing_to_a_mapped_tensor_leaves_the_file_alone(file: Path, large: torch.Tensor) -> None:
    stored = {s.key: s for s in stored_tensors([file])}["large"]
    read_tensor(stored).zero_()
    assert torch.equal(read_tensor(stored), large)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_conversion_in_pieces_equals_conversion_in_one(
    file: Path, large: torch.Tensor, dtype: torch.dtype
) -> None:
    stored = {s.key: s for s in stored_tensors([file])}["large"]
    assert not is_mapped(stored, dtype, CPU)
    assert torch.equal(read_tensor(stored, dtype), large.to(dtype))
    assert torch.equal(read_tensor(stored.rows(1, 3), dtype), large[1:3].to(dtype))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_columns_are_read_without_what_lies_between_them(
    file: Path, large: torch.Tensor, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def counted(*given: Any) -> int:
        read.append(preadv(*given))
        return read[-1]

    preadv = os.preadv
    stored = {s.key: s for s in stored_tensors([file])}["large"]
    monkeypatch.setattr(os, "preadv", counted)
    columns = stored.rows(5, 1105).columns(1000, 3500)
    assert torch.equal(read_tensor(columns, dtype), large[5:1105, 1000:3500].to(dtype))
    assert sum(read) == 1100 * 2500 * 2


def test_a_small_tensor_is_a_copy_of_its_own(file: Path, large: torch.Tensor) -> None:
    stored = {s.key: s for s in stored_tensors([file])}["small"]
    assert not is_mapped(stored, torch.float32, CPU)
    assert torch.equal(read_tensor(stored), large[:3].float())


def test_a_file_that_has_shrunk_is_named(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(file.read_bytes())
    found = {s.key: s for s in stored_tensors([copy])}
    os.truncate(copy, 9000)
    for stored in found.values():
        for dtype in (stored.dtype, torch.float16):
            with pytest.raises(CheckpointError, match=rf"ends within '{stored.key}'"):
                read_tensor(stored, dtype)
