"""HTTP with patience: dropped connections and overloaded servers are tried again, within bounds.

A download goes on where its partial file ends. The token is sent to the hub's own address only:
httpx drops it when a redirect leads to another host.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeVar, cast
from urllib.parse import urlsplit

import httpx

from lvlm_eval.errors import FetchError, Incomplete
from lvlm_eval.schema import JSON

from .remote import RemoteFile

T = TypeVar("T")
Advance = Callable[[int], object]  # so many bytes more; fewer, where some are thrown away

_log = logging.getLogger(__name__)
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_FAILURES = 5  # in a row, without a byte between them
_LONGEST_PAUSE = 30.0  # seconds, of our own choice
_LONGEST_WISH = 600.0  # seconds, that a server may ask for


class _Dropped(Exception):
    """One attempt came to nothing. wish: seconds that the server wants us to wait."""

    def __init__(self, reason: str, wish: float = 0.0) -> None:
        super().__init__(reason)
        self.wish = wish


class Connection:
    """Requests to one hub."""

    def __init__(self, token: str | None = None) -> None:
        headers = {"Accept-Encoding": "identity", "User-Agent": "lvlm-eval"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._token = token is not None
        timeout = httpx.Timeout(30.0, connect=10.0)
        try:
            self._client = httpx.Client(headers=headers, follow_redirects=True, timeout=timeout)
        except (ImportError, ValueError) as error:  # httpx reads the proxies of the environment
            raise FetchError(
                f"the proxy of the environment (ALL_PROXY, HTTPS_PROXY) cannot be used: {error}"
            ) from None

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def get_json(self, url: str, asked: str) -> JSON:
        """What the address answers; `asked` is the model, for messages."""
        content = self.get(url, asked)
        try:
            return cast("JSON", json.loads(content))
        except ValueError:
            raise FetchError(f"{url}: the answer is not JSON; check the endpoint") from None

    def get(self, url: str, asked: str) -> bytes:
        """The whole content; FetchError if it cannot be had."""

        def step() -> bytes:
            try:
                response = self._client.get(url)
            except httpx.RequestError as error:
                raise _dropped(error) from None
            self._check(response, asked)
            return response.content

        try:
            return self._persist(step, asked, lambda: 0)
        except _Dropped as dropped:
            raise FetchError(
                f"{asked}: no answer from {_host(url)}: {dropped}; check the network, its proxy "
                "and the hub's address (HF_ENDPOINT, MODELSCOPE_ENDPOINT)"
            ) from None

    def download(self, file: RemoteFile, partial: Path, asked: str, advance: Advance) -> None:
        """Completes the partial file; Incomplete if the hub keeps breaking off."""

        def step() -> None:
            self._go_on(file, partial, asked, advance)

        try:
            self._persist(step, f"{asked}: {file.path}", lambda: size_of(partial))
        except _Dropped as dropped:
            raise Incomplete(
                f"{asked}: {file.path}: {dropped}; {size_of(partial)} of {file.size} bytes are "
                "here, the same command goes on"
            ) from None

    def _persist(self, step: Callable[[], T], what: str, reached: Callable[[], int]) -> T:
        """The step's result, tried again while it is dropped; a step that got further counts
        as a new beginning."""
        failures, furthest = 0, reached()
        while True:
            try:
                return step()
            except _Dropped as dropped:
                failures = 1 if reached() > furthest else failures + 1
                furthest = max(furthest, reached())
                if failures >= _FAILURES or dropped.wish > _LONGEST_WISH:
                    raise
                seconds = dropped.wish or min(2.0 ** (failures - 1), _LONGEST_PAUSE)
                _log.warning("%s: %s; trying again in %.0f s", what, dropped, seconds)
                time.sleep(seconds)

    def _go_on(self, file: RemoteFile, partial: Path, asked: str, advance: Advance) -> None:
        have = size_of(partial)
        if have >= file.size and partial.exists():
            return
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with self._client.stream("GET", file.url, headers=headers) as response:
                self._check(response, asked)
                resumed = _goes_on_at(response, have)
                if have and not resumed:
                    advance(-have)
                _receive(response, partial, "ab" if resumed else "wb", file.size, advance)
        except httpx.RequestError as error:
            raise _dropped(error) from None
        if size_of(partial) < file.size:
            raise _Dropped("the connection was closed before the end")

    def _check(self, response: httpx.Response, asked: str) -> None:
        """Raises what a refusal means; nothing for a success."""
        status = response.status_code
        if status in _BUSY:
            raise _Dropped(f"HTTP {status}", _wish(response.headers))
        if status in (401, 403, 404):
            host = _host(str(response.request.url))
            raise FetchError(self._refusal(status, response.headers, asked, host))
        if status not in (200, 206):
            raise FetchError(f"{asked}: {_host(str(response.request.url))} answers HTTP {status}")

    def _refusal(self, status: int, headers: Mapping[str, str], asked: str, host: str) -> str:
        """Hugging Face tells the reason in a header; it calls a private model missing (401)."""
        repository, _, revision = asked.partition("@")
        code = headers.get("X-Error-Code", "")
        if code == "GatedRepo":
            return (
                f"{repository} is gated: accept its conditions at https://{host}/{repository} "
                "with your account, and put a token of that account into HF_TOKEN"
            )
        if code == "RevisionNotFound":
            return f"{repository} has no revision {revision!r} on {host}"
        token = (
            "the token in use may be wrong or lack the right to read it"
            if self._token
            else "a private one needs HF_TOKEN"
        )
        return f"{host} has no model {asked}, or it is private (HTTP {status}): check it; {token}"


def size_of(file: Path) -> int:
    """Bytes of the file, 0 where there is none."""
    return file.stat().st_size if file.exists() else 0


def _receive(
    response: httpx.Response, partial: Path, mode: str, size: int, advance: Advance
) -> None:
    """What comes is in the file at once, so a killed fetch loses nothing of it."""
    with partial.open(mode, buffering=0) as opened:
        for chunk in response.iter_bytes():  # as they come: collecting them would lose some
            opened.write(chunk)
            advance(len(chunk))
            if opened.tell() > size:
                return  # more than was announced: the digest will not fit


def _goes_on_at(response: httpx.Response, have: int) -> bool:
    """Whether the answer begins at byte `have`; a server may ignore the wish and send all."""
    if response.status_code != 206:
        return False
    given = response.headers.get("Content-Range", "")
    if not given.startswith(f"bytes {have}-"):
        raise FetchError(
            f"{_host(str(response.request.url))} was asked for bytes from {have} on, and sends "
            f"{given!r}"
        )
    return True


def _dropped(error: httpx.RequestError) -> _Dropped:
    if isinstance(error, httpx.UnsupportedProtocol):
        raise FetchError(f"the hub's address must begin with https:// or http://: {error}")
    return _Dropped(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _wish(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds; 0 where there is none, or it is a date."""
    given = headers.get("Retry-After", "")
    return float(given) if given.isdigit() else 0.0


def _host(url: str) -> str:
    return urlsplit(url).netloc
