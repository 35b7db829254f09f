"""The measurement of loading over ranks, on a checkpoint of some megabytes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from bench import load, load_ranks
from lvlm_eval.models.moe_llava.settings import Settings
from lvlm_eval.placement import Place, Placement, Rank

DIGEST = 5_600_000  # bytes that opening a file reads, and a little for configuration


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_what_ranks_copy_and_map_are_their_shares(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bench in (load, load_ranks):
        monkeypatch.setattr(bench, "VOCABULARY", 100)
    monkeypatch.setattr(load, "WIDTH", 1024)
    written = load.write(tmp_path, 1.0, suffix, torch.bfloat16)
    placement = Placement(1, 2, 2)
    ranks = [Rank("test", number, 2, number, 0, "127.0.0.1", 1) for number in range(2)]
    places = [Place(placement, rank) for rank in ranks]
    settings = Settings("cpu", "bfloat16", "argmax", 1)
    found = [load_ranks.measure(tmp_path, place, settings) for place in places]
    total = sum(one.share for one in found)
    assert written < total < written * 1.01  # norms and routers are on both
    for one in found:
        assert one.mapped > one.share / 2  # experts, which are whole
        copied = one.share - one.mapped
        assert copied < one.read < copied + DIGEST
        assert one.seconds > 0


def test_memory_that_was_freed_again_counts_and_mapped_files_do_not(tmp_path: Path) -> None:
    size = 64 << 20
    (tmp_path / "file").write_bytes(bytes(size))
    with load_ranks._largest_own() as own:
        torch.from_file(str(tmp_path / "file"), size=size, dtype=torch.uint8).max()
        made = torch.ones(size, dtype=torch.uint8)
        time.sleep(0.1)
        del made
    assert size <= own[-1] - own[0] < 1.5 * size
