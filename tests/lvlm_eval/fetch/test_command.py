"""`lvlm-eval fetch` as typed: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lvlm_eval.hub_cache import cached_snapshot

from .conftest import MODEL, TOWER
from .hub_server import COMMIT, Hub

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fetch(call: Call, cache: Path, pauses: list[float]) -> Call:
    """`lvlm-eval fetch` with these arguments: exit code, output, errors."""
    return partial(call, "fetch")


def test_it_says_what_is_where_and_is_silent_on_a_piped_stderr(fetch: Call, cache: Path) -> None:
    code, out, err = fetch(f"moe_llava:{MODEL},dtype=float32")
    assert (code, err) == (0, "")
    assert f"{MODEL}: revision {COMMIT}\n  8 files, 730 kB, 730 kB of it new, in {cache}" in out
    assert f"{TOWER}, the image tower of {MODEL}: revision" in out


def test_a_dry_run_writes_nothing_and_lists_all(fetch: Call, cache: Path) -> None:
    code, out, _ = fetch(MODEL, "--dry-run")
    assert code == 0
    assert "to fetch    719 kB  model.safetensors" in out
    assert "optimizer.pt" not in out
    assert not cache.exists()
    code, out, _ = fetch(MODEL, "--json")
    model, tower = json.loads(out)["models"]
    assert (model["name"], model["revision"], tower["tower_of"]) == (MODEL, COMMIT, MODEL)
    assert Path(model["folder"], "config.json").is_file()
    assert model["bytes_to_fetch"] == model["bytes"] == sum(f["bytes"] for f in model["files"])


def test_modelscope_fills_the_same_cache(
    fetch: Call, hub: Hub, golden: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hub.break_after["model.safetensors"] = [1000]
    code, _, err = fetch(MODEL, "--from", "modelscope")
    assert code == 0, err
    assert "trying again in 1 s" in caplog.text
    folder = cached_snapshot(MODEL)
    assert folder is not None
    assert folder.name == COMMIT
    assert (folder / "vocab.json").read_bytes() == (golden / "vocab.json").read_bytes()
    assert not any(token for _, _, token in hub.asked)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no/body",), ("has no model no/body", "the token in use may be wrong")),
        ((f"{MODEL}@v9",), ("someone/phi has no revision 'v9'",)),
        ((MODEL, "--revision", "v9"), ("someone/phi has no revision 'v9'",)),
        ((MODEL, "--revision", "../x"), ("not a branch, tag or commit",)),
        (("demo",), ("demo is here already",)),
        (("baseline:majority",), ("not a model's name on a hub",)),
        ((MODEL, "--from", "ftp"), ("give huggingface or modelscope",)),
        ((MODEL, TOWER, "--tower", "a/b"), ("give one MODEL",)),
    ],
)
def test_what_cannot_be_fetched_is_one_line_and_exit_code_2(
    fetch: Call, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    code, _, err = fetch(*arguments)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert all(word in err for word in words), err


def test_ctrl_c_keeps_what_came_and_says_so(
    fetch: Call, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Path, *arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lvlm_eval.fetch.snapshot.Snapshot.place", interrupted)
        code, _, err = fetch(MODEL)
    assert (code, err) == (130, "stopped; what is done is kept, the same command goes on\n")
    assert len(list(cache.glob("*/blobs/*.incomplete"))) == 1
    assert cached_snapshot(MODEL) is None
    assert fetch(MODEL)[0] == 0
    assert cached_snapshot(MODEL) is not None


def test_gated_models_offline_mode_and_broken_hubs(
    fetch: Call, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated.add(MODEL)
    code, _, err = fetch(MODEL)
    assert (code, "someone/phi is gated: accept its conditions at" in err) == (2, True)
    hub.gated.clear()
    hub.status["model.safetensors"] = [503] * 9
    code, _, err = fetch(MODEL)
    assert (code, "the same command goes on" in err) == (3, True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, _, err = fetch(MODEL)
    assert (code, "HF_HUB_OFFLINE is set" in err) == (2, True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    code, _, err = fetch(MODEL)
    assert (code, "no answer from 127.0.0.1:9" in err) == (2, True)
