"""A model hub on loopback, with the manners and the faults of the real ones.

It speaks what is used of Hugging Face's and of ModelScope's interface. Files over `LARGE` bytes
are "LFS": they are served by a second address, as from a CDN, after a redirect.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = 2000
COMMIT = "c0ffee" + "0" * 34


@dataclass
class Hub:
    """models: name to its files. Faults: what the next requests meet, by the file's name."""

    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    data: dict[str, dict[str, bytes]] = field(default_factory=dict)  # data sets, with folders
    gated: set[str] = field(default_factory=set)
    commit: str = COMMIT
    break_after: dict[str, list[int]] = field(default_factory=dict)  # bytes of each answer
    status: dict[str, list[int]] = field(default_factory=dict)  # refusals before the answers
    wrong: dict[str, bytes] = field(default_factory=dict)  # other bytes than were announced
    ranges: bool = True
    stall: threading.Event | None = None  # a broken answer ends when it is set
    retry_after: str = ""
    tells_commit: bool = True
    url: str = ""
    cdn: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # path, Range, host's token

    def add(self, name: str, folder: Path) -> None:
        """Serves the files of the folder, not those below it."""
        self.models[name] = {f.name: f.read_bytes() for f in folder.iterdir() if f.is_file()}

    def files(self, name: str) -> dict[str, bytes]:
        """The files of a model or data set; their names differ here."""
        return self.data[name] if name in self.data else self.models[name]

    def served(self, name: str) -> list[str]:
        """The Range of each request for the file's content, "" for all of it."""
        return [given for path, given, _ in self.asked if path.endswith(f"/{name}")]


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    """The hub at work at `hub.url`, its CDN at `hub.cdn`."""

    class Handler(_Handler):
        served = hub

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    hub.url, hub.cdn = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def git_blob(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    served: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), parse_qs(parts.query)
        if path.startswith("/api/v1/models/") and path.endswith("/repo"):
            path = f"{path}/{query['FilePath'][0]}"
        token = self.headers.get("Authorization", "")
        self.served.asked.append((path, self.headers.get("Range", ""), token))
        refusals = self.served.status.get(path.rpartition("/")[2], [])
        if refusals:
            self._refuse(refusals.pop(0), "")
        elif path.startswith("/cdn/"):
            owner, name, file = path.removeprefix("/cdn/").split("/", 2)
            self._content(f"{owner}/{name}", file)
        elif path.startswith("/api/v1/models/"):
            self._modelscope(path.removeprefix("/api/v1/models/").split("/"), query)
        elif path.startswith("/api/models/"):
            self._info(path.removeprefix("/api/models/").split("/", 3), self.served.models)
        elif path.startswith("/api/datasets/"):
            self._info(path.removeprefix("/api/datasets/").split("/", 3), self.served.data)
        elif path.startswith("/datasets/"):
            owner, name, _, _, file = path.removeprefix("/datasets/").split("/", 4)
            self._resolve(f"{owner}/{name}", file)
        else:
            owner, name, _, _, file = path[1:].split("/")
            self._resolve(f"{owner}/{name}", file)

    def _info(self, parts: list[str], known: Mapping[str, Mapping[str, bytes]]) -> None:
        name = "/".join(parts[:2])
        if name not in known:
            return self._refuse(401, "RepoNotFound")
        if len(parts) > 2 and parts[3] not in ("main", "v1", self.served.commit):
            return self._refuse(404, "RevisionNotFound")
        siblings: list[Mapping[str, object]] = []
        for path, content in known[name].items():
            one = {"rfilename": path, "size": len(content), "blobId": git_blob(content)}
            lfs = {"sha256": sha256(content), "size": len(content), "pointerSize": 134}
            siblings.append(one | ({"lfs": lfs} if len(content) > LARGE else {}))
        return self._json({"id": name, "sha": self.served.commit, "siblings": siblings})

    def _resolve(self, name: str, file: str) -> None:
        if name in self.served.gated:
            return self._refuse(403, "GatedRepo")
        content = self.served.files(name)[file]
        if len(content) <= LARGE:
            return self._content(name, file)
        self.send_response(302)
        self.send_header("Location", f"{self.served.cdn}/cdn/{name}/{file}")
        self.send_header("X-Repo-Commit", self.served.commit)
        self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("X-Linked-Etag", f'"{sha256(content)}"')
        self.send_header("Content-Length", "0")
        return self.end_headers()

    def _modelscope(self, parts: list[str], query: Mapping[str, list[str]]) -> None:
        name, what = "/".join(parts[:2]), parts[-1]
        if name not in self.served.models:
            return self._json({"Code": 404, "Message": "no such model", "Success": False}, 404)
        if what != "files":
            return self._content(name, what)
        rows = [
            {"Path": p, "Name": p, "Type": "blob", "Size": len(c), "Sha256": sha256(c)}
            | {"IsLFS": len(c) > LARGE, "Revision": self.served.commit if p[0] == "c" else "1" * 40}
            for p, c in self.served.models[name].items()
        ]
        rows.append({"Path": "towers", "Name": "towers", "Type": "tree", "Size": 0, "Sha256": ""})
        short = self.served.commit[:8] if self.served.tells_commit else ""
        known = query["Revision"][0] in ("master", "v1")
        data = {"Files": rows if known else None, "LatestCommitter": {"Id": "", "ShortId": short}}
        return self._json({"Code": 200, "Data": data, "Message": "success", "Success": True})

    def _content(self, name: str, file: str) -> None:
        content = self.served.wrong.get(file, self.served.files(name)[file])
        given, start = self.headers.get("Range", ""), 0
        if given and self.served.ranges:
            start = int(given.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            end = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", f'"{sha256(content)}"')
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        breaks = self.served.break_after.get(file, [])
        if breaks:
            self.wfile.write(content[start : start + breaks.pop(0)])
            if self.served.stall:
                self.served.stall.wait(20)
            self.close_connection = True
        else:
            self.wfile.write(content[start:])

    def _json(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        if self.served.retry_after:
            self.send_header("Retry-After", self.served.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()
