"""The measurement of loading, on a checkpoint of some kilobytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench import load


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_what_is_written_is_loaded_whole(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "VOCABULARY", 100)
    monkeypatch.setattr(load, "WIDTH", 512)
    small = 1.0  # a byte: the fewest layers there are
    written = load.write(tmp_path, small, suffix, torch.bfloat16)
    stored = sum(file.stat().st_size for file in tmp_path.glob(f"*.{suffix}"))
    measured = load.measure(str(tmp_path), "torch.bfloat16")
    assert written <= stored < written * 1.01
    # the router is stored in bf16 and stays in fp32
    assert measured["weights"] == written + 4 * 512 * 2
    assert measured["seconds"] > 0
