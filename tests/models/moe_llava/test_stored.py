"""The index of weight files agrees with what torch and safetensors themselves read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.reading import read_tensor
from lvlm_eval.models.moe_llava.stored import stored_tensors


def test_a_safetensors_index_gives_every_type_shape_and_place(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    tensors = {
        "half": torch.randn(3, 5).half(),
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 4),
        "flags": torch.tensor([True, False, True]),
        "counts": torch.arange(7),
        "eighth": torch.randn(4, 4).to(torch.float8_e4m3fn),
    }
    save_file(tensors, file, metadata={"format": "pt"})
    found = {stored.key: stored for stored in stored_tensors([file])}
    assert found.keys() == tensors.keys()
    for key, tensor in tensors.items():
        assert (found[key].dtype, found[key].shape) == (tensor.dtype, tuple(tensor.shape))
        assert read_tensor(found[key]).tolist() == tensor.tolist()


def test_a_torch_file_may_hold_views_transposes_and_shared_storages(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    base = torch.randn(6, 8)
    tensors = {
        "whole": base,
        "turned": base.t(),
        "rows": base[2:4],
        "columns": base[:, 3:5],
        "every_other": base[::2],
        "expanded": torch.randn(3, 1).expand(3, 4),
        "parameter": torch.nn.Parameter(torch.randn(2, 2).bfloat16()),
        "scalar": torch.tensor(4.0),
    }
    torch.save(tensors, file)
    found = {stored.key: stored for stored in stored_tensors([file])}
    assert found["rows"].offset == found["whole"].offset + 2 * 8 * 4
    assert {key for key, stored in found.items() if not stored.contiguous} == {
        "turned", "columns", "every_other", "expanded",
    }  # fmt: skip
    for key, tensor in tensors.items():
        assert torch.equal(read_tensor(found[key]), tensor), key
        assert torch.equal(read_tensor(found[key], torch.float64), tensor.double()), key


def test_rows_of_a_stored_tensor_are_a_stored_tensor(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    plain, turned = torch.randn(9, 4), torch.randn(4, 9).t()
    torch.save({"plain": plain, "turned": turned}, file)
    for stored, tensor in zip(stored_tensors([file]), (plain, turned), strict=True):
        assert torch.equal(read_tensor(stored.rows(3, 7)), tensor[3:7])
        assert torch.equal(read_tensor(stored.rows(3, 7).rows(1, 2)), tensor[4:5])


def test_a_key_in_two_shards_is_an_error(tmp_path: Path) -> None:
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for file in files:
        save_file({"same": torch.ones(2)}, file)
    message = r"b\.safetensors: holds 'same', which a\.safetensors holds as well"
    with pytest.raises(CheckpointError, match=message):
        stored_tensors(files)


def test_what_is_no_plain_tensor_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    torch.save({"model": {"w": torch.ones(2)}}, file)
    with pytest.raises(CheckpointError, match=r"a\.bin: 'model' is no plain tensor but dict"):
        stored_tensors([file])
    torch.save([torch.ones(2)], file)
    with pytest.raises(CheckpointError, match=r"a\.bin: holds a list, not tensors by name"):
        stored_tensors([file])
    torch.save({"s": torch.ones(2).to_sparse()}, file)
    with pytest.raises(CheckpointError, match=r"'s' is no plain tensor but torch\.sparse_coo"):
        stored_tensors([file])


@pytest.mark.parametrize("offsets", [[0, 4], [4, 12], [0, 80]])
def test_a_header_that_does_not_fit_its_file_is_refused(tmp_path: Path, offsets: list[int]) -> None:
    file = tmp_path / "a.safetensors"
    header = {"w": {"dtype": "F32", "shape": [2], "data_offsets": offsets}}
    encoded = json.dumps(header).encode()
    file.write_bytes(len(encoded).to_bytes(8, "little") + encoded + bytes(8))
    with pytest.raises(CheckpointError, match=r"a\.safetensors: damaged weights"):
        stored_tensors([file])


def test_a_torch_file_cut_short_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    torch.save({"w": torch.randn(4000)}, file)
    content = file.read_bytes()
    file.write_bytes(content[:9000] + content[10000:])
    with pytest.raises(CheckpointError, match=r"a\.bin: damaged weights"):
        stored_tensors([file])
