"""A whole fetch: complete, verified, resumed, and never half visible."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lvlm_eval.errors import FetchError, Incomplete
from lvlm_eval.fetch.connection import Connection
from lvlm_eval.fetch.job import Job, carry_out, check_space, plan
from lvlm_eval.fetch.remote import Hub as Address
from lvlm_eval.hub_cache import HubName, cached_snapshot
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint

from .conftest import MODEL, TOWER
from .hub_server import COMMIT, Hub, sha256

WEIGHTS = "model.safetensors"
Fetch = Callable[..., list[Job]]


@pytest.fixture
def fetch(hub: Hub, cache: Path) -> Fetch:
    def run(name: str = MODEL, *, verify: bool = False, tower: str = "") -> list[Job]:
        repository, _, revision = name.partition("@")
        with Connection() as connection:
            address = Address("huggingface", hub.url)
            jobs = plan(address, connection, cache, HubName(repository, revision), tower)
            for job in jobs:
                carry_out(job, connection, lambda count: None, verify=verify)
        return jobs

    return run


def partials(cache: Path) -> list[Path]:
    return list(cache.glob("*/blobs/*.incomplete"))


def test_the_fetched_model_opens_like_the_folder_that_was_served(
    fetch: Fetch, cache: Path, golden: Path
) -> None:
    fetch()
    opened = open_checkpoint(MODEL)
    assert opened.digest == open_checkpoint(str(golden)).digest
    assert opened.revision == COMMIT
    assert opened.tower is not None
    assert opened.tower.parents[1].name == "models--openai--clip-vit-large-patch14-336"
    names = {file.name for file in opened.folder.iterdir()}
    assert names == {
        *("config.json", "generation_config.json", "tokenizer_config.json", "vocab.json"),
        *("merges.txt", "added_tokens.json", "special_tokens_map.json", WEIGHTS),
    }
    assert not partials(cache)


def test_what_is_there_is_not_asked_for_again(fetch: Fetch, hub: Hub) -> None:
    fetch()
    hub.asked.clear()
    fetch()
    assert len(hub.asked) == 2  # the listing, and config.json for the name of the tower


def test_a_revision_is_filed_under_its_name_and_leaves_the_default_alone(fetch: Fetch) -> None:
    fetch(f"{MODEL}@v1")
    assert open_checkpoint(f"{MODEL}@v1").revision == COMMIT
    assert cached_snapshot(MODEL) is None


def test_a_broken_fetch_leaves_the_model_invisible_and_goes_on(
    fetch: Fetch, hub: Hub, cache: Path, pauses: list[float]
) -> None:
    hub.break_after[WEIGHTS] = [300_000, 0, 0, 0, 0]
    with pytest.raises(Incomplete, match="300000 of 718952 bytes are here"):
        fetch()
    assert cached_snapshot(MODEL) is None
    hub.asked.clear()
    fetch()
    assert hub.served(WEIGHTS)[-1] == "bytes=300000-"
    assert open_checkpoint(MODEL).revision == COMMIT


def test_a_killed_fetch_goes_on_where_it_was(fetch: Fetch, hub: Hub, cache: Path) -> None:
    hub.stall, hub.break_after[WEIGHTS] = threading.Event(), [400_000]
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(cache)}
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, "-m", "lvlm_eval", "fetch", MODEL],
        env=environment | {"PYTHONPATH": root},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    partial = cache / "models--someone--phi" / "blobs"
    partial /= f"{sha256(hub.models[MODEL][WEIGHTS])}.incomplete"
    deadline = time.monotonic() + 30
    while not (partial.exists() and partial.stat().st_size == 400_000):
        assert time.monotonic() < deadline, "the fetch never came so far"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    hub.stall.set()
    assert cached_snapshot(MODEL) is None
    hub.asked.clear()
    fetch()
    assert hub.served(WEIGHTS)[-1] == "bytes=400000-"
    assert open_checkpoint(MODEL).tower is not None


def test_other_bytes_than_announced_are_deleted(fetch: Fetch, hub: Hub, cache: Path) -> None:
    hub.wrong = {"merges.txt": b"a b" + hub.models[MODEL]["merges.txt"][3:]}
    with pytest.raises(FetchError, match=r"merges\.txt: the hub sent other bytes"):
        fetch()
    content = hub.models[MODEL][WEIGHTS]
    hub.wrong = {WEIGHTS: content[:-1] + b"?"}
    with pytest.raises(FetchError, match=r"model\.safetensors: the hub sent other bytes"):
        fetch()
    assert not partials(cache)
    assert cached_snapshot(MODEL) is None
    hub.wrong[WEIGHTS] = content + b"and more"
    with pytest.raises(FetchError, match="they are deleted"):
        fetch()


def test_a_damaged_part_from_an_earlier_fetch_is_thrown_away(
    fetch: Fetch, hub: Hub, cache: Path
) -> None:
    blobs = cache / "models--someone--phi" / "blobs"
    blobs.mkdir(parents=True)
    digest = sha256(hub.models[MODEL][WEIGHTS])
    (blobs / f"{digest}.incomplete").write_bytes(b"?" * 1000)
    fetch()
    assert hub.served(WEIGHTS)[-4:] == ["bytes=1000-", "bytes=1000-", "", ""]  # hub, then its CDN
    assert (blobs / digest).read_bytes() == hub.models[MODEL][WEIGHTS]


def test_verify_finds_what_rotted_in_the_cache(fetch: Fetch, hub: Hub) -> None:
    (job, _) = fetch()
    file = (job.snapshot.folder / WEIGHTS).resolve()
    file.write_bytes(b"?" + file.read_bytes()[1:])
    fetch()
    assert file.read_bytes()[:1] == b"?"
    fetch(verify=True)
    assert file.read_bytes() == hub.models[MODEL][WEIGHTS]


def test_a_tower_whose_settings_alone_are_cached_is_fetched(
    fetch: Fetch, cache: Path, golden: Path
) -> None:
    repository = cache / "models--openai--clip-vit-large-patch14-336"
    (repository / "snapshots" / "old").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("old")
    shutil.copy(golden / "towers" / TOWER / "config.json", repository / "snapshots" / "old")
    assert len(fetch()) == 2


def test_a_tower_under_another_name_is_filed_under_the_one_that_is_asked_for(
    fetch: Fetch, hub: Hub
) -> None:
    hub.models["mirror/clip"] = hub.models.pop(TOWER)
    with pytest.raises(FetchError, match=rf"the image tower of someone/phi: .* fetch {TOWER}$"):
        fetch()
    fetch(tower="mirror/clip")
    assert open_checkpoint(MODEL).tower is not None


def test_a_full_disk_is_said_before_and_during(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Connection() as connection:
        jobs = plan(Address("huggingface", hub.url), connection, cache, HubName(MODEL))
        monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(9, 5, 4))
        with pytest.raises(FetchError, match=r"0\.0 GB are needed, 0\.0 GB are free; make room"):
            check_space(jobs)
        cache.parent.joinpath("hub").write_text("a file where the cache should be")
        with pytest.raises(Incomplete, match="put it right and give the same command again"):
            carry_out(jobs[0], connection, lambda count: None)
