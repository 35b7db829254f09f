"""What a network needs is counted before it has memory, and compared with what is free."""

from __future__ import annotations

import ctypes
from pathlib import Path

import psutil
import pytest
import torch

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.memory import bytes_needed, cgroup_left, check_fits, give_back
from lvlm_eval.models.moe_llava.quant import itemsize

CPU = torch.device("cpu")


def test_bytes_are_those_of_the_dtype_and_of_fp32_routers(config: NetworkConfig) -> None:
    network = build_empty(config)
    weights = sum(p.numel() for p in network.parameters())
    routers = (4 + 3) * 32
    assert bytes_needed(network, torch.float32) == 4 * weights
    assert bytes_needed(network, torch.bfloat16) == 2 * weights + 2 * routers
    assert bytes_needed(network, torch.float32, itemsize("none")) == 4 * weights


def test_quantised_weights_count_with_the_bytes_that_stay(dense: NetworkConfig) -> None:
    network = build_empty(dense)
    linear = 4 * (4 * 32 * 32 + 2 * 32 * 48)  # four layers: attention's four, the MLP's two
    rows = 4 * (4 * 32 + 48 + 32)  # each with a scale of 4 bytes and a zero point of 1
    full, int8 = (
        bytes_needed(network, torch.float32),
        bytes_needed(network, torch.float32, itemsize("int8")),
    )
    assert full - int8 == 3 * linear - 5 * rows


def test_too_little_memory_is_said_with_both_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvlm_eval.models.moe_llava.memory.bytes_free", lambda device: 7 * 10**9)
    check_fits(6 * 10**9, "float32", CPU, "here")
    with pytest.raises(CheckpointError) as caught:
        check_fits(20 * 10**9, "float32", CPU, "here")
    assert str(caught.value) == (
        "here: needs 22.0 GB as float32 (20.0 GB of weights and a tenth more to run), 7.0 GB are "
        "free on cpu; use dtype=bfloat16 or quant=int8 or a machine with more"
    )
    with pytest.raises(CheckpointError, match="cpu; use quant=int8 or a machine"):
        check_fits(20 * 10**9, "bfloat16", CPU, "here")
    with pytest.raises(CheckpointError, match="cpu; use a machine with more"):
        check_fits(20 * 10**9, "bfloat16", CPU, "here", quantised=True)


def test_a_checkpoint_that_does_not_fit_is_refused_unread(
    golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr("lvlm_eval.models.moe_llava.weights.read_planned", forbidden)
    monkeypatch.setattr("lvlm_eval.models.moe_llava.memory.bytes_free", lambda device: 10**6)
    with pytest.raises(CheckpointError, match=r"phi: needs \d\.\d MB as float32 .* 1\.0 MB are"):
        open_checkpoint(str(golden / "phi")).load(412, torch.float32)


def test_the_tightest_cgroup_above_counts_less_what_files_cache(tmp_path: Path) -> None:
    membership = tmp_path / "membership"
    membership.write_text("0::/outer/inner\n")
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    assert cgroup_left(tmp_path, membership) is None
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.current").write_text("500\n")
    assert cgroup_left(tmp_path, membership) is None
    (inner.parent / "memory.max").write_text("1000\n")
    (inner.parent / "memory.current").write_text("900\n")
    (inner.parent / "memory.stat").write_text("anon 50\ninactive_file 250\n")
    assert cgroup_left(tmp_path, membership) == 350


def test_version_1_has_a_tree_of_its_own(tmp_path: Path) -> None:
    membership = tmp_path / "membership"
    membership.write_text("5:devices:/x\n4:memory:/box\n")
    for folder, limit in ((tmp_path / "memory", 9000), (tmp_path / "memory" / "box", 3000)):
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(limit))
        (folder / "memory.usage_in_bytes").write_text("1000")
        (folder / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 20\n")
    assert cgroup_left(tmp_path, membership) == 2020
    membership.write_text("4:memory:/not/under/this/root\n")
    assert cgroup_left(tmp_path, membership) == 8020
    assert cgroup_left(tmp_path, tmp_path / "nothing") is None


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="no glibc")
def test_holes_between_tensors_that_stay_are_given_back() -> None:
    size = 100_000  # bytes; of more, malloc would ask the system for each by itself
    tensors = [torch.ones(size, dtype=torch.uint8) for _ in range(1000)]
    kept = tensors[::2]
    del tensors
    before = psutil.Process().memory_info().rss
    give_back()
    freed = size * 500
    assert 0.7 * freed < before - psutil.Process().memory_info().rss < 1.5 * freed
    assert all(bool(one.all()) for one in kept)
