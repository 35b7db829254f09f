"""Patience with the network, and whom the token is told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from lvlm_eval.errors import FetchError, Incomplete
from lvlm_eval.fetch.connection import Connection
from lvlm_eval.fetch.listing import list_files
from lvlm_eval.fetch.remote import Hub as Address
from lvlm_eval.fetch.remote import RemoteFile
from lvlm_eval.hub_cache import HubName

from .conftest import MODEL
from .hub_server import Hub

FILE = "model.safetensors"


def remote(hub: Hub, name: str = FILE) -> RemoteFile:
    with Connection() as connection:
        address = Address("huggingface", hub.url)
        return list_files(address, connection, HubName(MODEL)).files[name]


def download(hub: Hub, partial: Path, token: str | None = None) -> int:
    """The sum of what was told as progress."""
    told: list[int] = []
    with Connection(token) as connection:
        connection.download(remote(hub), partial, MODEL, told.append)
    return sum(told)


def test_a_download_that_breaks_off_again_and_again_goes_on_where_it_was(
    hub: Hub, tmp_path: Path, pauses: list[float]
) -> None:
    hub.break_after[FILE] = [100_000, 70_001, 3]
    content = hub.models[MODEL][FILE]
    assert download(hub, tmp_path / "x") == len(content)
    assert (tmp_path / "x").read_bytes() == content
    served = [given for path, given, _ in hub.asked if path.startswith("/cdn/")]
    assert served == ["", "bytes=100000-", "bytes=170001-", "bytes=170004-"]
    assert pauses == [1, 1, 1]


def test_a_hub_that_knows_no_ranges_is_asked_for_all_of_it(
    hub: Hub, tmp_path: Path, pauses: list[float]
) -> None:
    hub.ranges, hub.break_after[FILE] = False, [100_000]
    content = hub.models[MODEL][FILE]
    assert download(hub, tmp_path / "x") == len(content)
    assert (tmp_path / "x").read_bytes() == content


def test_a_hub_that_never_gets_further_is_given_up(
    hub: Hub, tmp_path: Path, pauses: list[float]
) -> None:
    hub.ranges, hub.break_after[FILE] = False, [400_000, 100] * 20
    with pytest.raises(Incomplete, match="the same command goes on"):
        download(hub, tmp_path / "x")
    assert pauses == [1, 2, 4, 8]


def test_busy_servers_are_asked_again_when_they_wish_and_not_for_ever(
    hub: Hub, tmp_path: Path, pauses: list[float]
) -> None:
    hub.status[FILE] = [429, 503]
    hub.retry_after = "7"
    download(hub, tmp_path / "x")
    assert pauses == [7, 7]
    hub.retry_after, hub.status[FILE], pauses[:] = "", [502] * 20, []
    with pytest.raises(Incomplete, match=r"HTTP 502; 0 of 718952 bytes are here, the same"):
        download(hub, tmp_path / "y")
    assert pauses == [1, 2, 4, 8]
    hub.status[FILE], hub.retry_after, pauses[:] = [429], "86400", []
    with pytest.raises(Incomplete, match="HTTP 429"):
        download(hub, tmp_path / "y")
    assert pauses == []


def test_the_token_is_told_to_the_hub_alone(
    hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    download(hub, tmp_path / "x", "hf_secret")
    told = {path.split("/")[1]: token for path, _, token in hub.asked if path.endswith(FILE)}
    assert told == {"someone": "Bearer hf_secret", "cdn": ""}
    assert "hf_secret" not in caplog.text


def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "carrier-pigeon://loft")
    with pytest.raises(FetchError, match=r"ALL_PROXY.*carrier-pigeon"):
        Connection()


def test_no_network_is_one_clear_line(hub: Hub, pauses: list[float]) -> None:
    with Connection() as connection:
        with pytest.raises(FetchError, match=r"no answer from 127\.0\.0\.1:9: ConnectError"):
            connection.get("http://127.0.0.1:9/x", "org/m")
        with pytest.raises(FetchError, match="must begin with https:// or http://"):
            connection.get("hub.example/x", "org/m")
        with pytest.raises(FetchError, match="the answer is not JSON; check the endpoint"):
            connection.get_json(f"{hub.url}/{MODEL}/resolve/main/merges.txt", "org/m")
