"""A hub on loopback that has the recorded phi and its tower; an empty cache; no real waiting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .hub_server import Hub, running

MODEL, TOWER = "someone/phi", "openai/clip-vit-large-patch14-336"


@pytest.fixture
def golden() -> Path:
    return Path(__file__).parents[2] / "data" / "golden" / "moe_llava" / "phi"


@pytest.fixture
def hub(golden: Path) -> Iterator[Hub]:
    served = Hub()
    served.add(MODEL, golden)
    served.add(TOWER, golden / "towers" / TOWER)
    served.models[MODEL] |= {"modeling_phi.py": b"import os", "optimizer.pt": b"0" * 5000}
    with running(served):
        yield served


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub) -> Path:
    """The hub cache's folder, for this process; HF_ENDPOINT is the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", f"{hub.url}/")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited, instead of waiting."""
    waited: list[float] = []
    monkeypatch.setattr("lvlm_eval.fetch.connection.time.sleep", waited.append)
    return waited
