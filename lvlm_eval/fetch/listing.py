"""What a hub has of a model at a revision: its files with sizes and digests.

Hugging Face: `/api/models/NAME/revision/REVISION?blobs=true`, files under `/NAME/resolve/`.
ModelScope: `/api/v1/models/NAME/repo/files` and `/repo`, as its own SDK asks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode

from lvlm_eval.errors import FetchError
from lvlm_eval.hub_cache import HubName
from lvlm_eval.schema import JSON

from .connection import Connection
from .remote import Hub, Listing, RemoteFile

T = TypeVar("T")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def list_files(hub: Hub, connection: Connection, name: HubName) -> Listing:
    """The model's files on the hub; FetchError if there is no such model or revision."""
    return _LISTERS[hub.kind](hub, connection, name)


def list_data(hub: Hub, connection: Connection, name: HubName) -> Listing:
    """The files of a data set of Hugging Face, those in its folders too."""
    if hub.kind != "huggingface":
        raise FetchError(f"{name}: data sets are fetched from Hugging Face alone; leave out --from")
    return _list_huggingface(hub, connection, name, data=True)


@dataclass(frozen=True, slots=True)
class _Lfs:
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class _Sibling:
    rfilename: str
    size: int | None = None
    blobId: str | None = None  # noqa: N815  the hub's own spelling
    lfs: _Lfs | None = None


@dataclass(frozen=True, slots=True)
class _ModelInfo:
    sha: str
    siblings: Sequence[_Sibling]


def _list_huggingface(
    hub: Hub, connection: Connection, name: HubName, *, data: bool = False
) -> Listing:
    kind, prefix = ("datasets", "datasets/") if data else ("models", "")
    at = f"/revision/{quote(name.revision, safe='')}" if name.revision else ""
    url = f"{hub.endpoint}/api/{kind}/{name.repository}{at}?blobs=true"
    info = _parse(_ModelInfo, connection.get_json(url, str(name)), url)
    if not _COMMIT.fullmatch(info.sha):
        raise FetchError(f"{url}: {info.sha!r} is no commit; is this a model hub?")
    files = {}
    for sibling in info.siblings:
        path = sibling.rfilename
        if not (_stays(path) if data else _is_plain(path)):
            continue
        digest = sibling.lfs.sha256 if sibling.lfs else sibling.blobId or ""
        size = sibling.lfs.size if sibling.lfs else sibling.size
        address = f"{hub.endpoint}/{prefix}{name.repository}/resolve/{info.sha}/{quote(path)}"
        files[path] = RemoteFile(path, -1 if size is None else size, digest, address)
    return Listing(info.sha, files)


def _stays(path: str) -> bool:
    """Whether a path of plain names, blanks and round brackets among them, leads nowhere else."""
    return all(re.fullmatch(r"[\w+][\w.+() -]*", name) for name in path.split("/"))


def _is_plain(path: str) -> bool:
    """Whether it is a file's name and leads into no folder, nor out of one."""
    return re.fullmatch(r"[\w+][\w.+-]*", path) is not None


@dataclass(frozen=True, slots=True)
class _Entry:
    Path: str
    Type: str
    Size: int = 0
    Sha256: str | None = None
    Revision: str | None = None


@dataclass(frozen=True, slots=True)
class _Committer:
    Id: str | None = None
    ShortId: str | None = None


@dataclass(frozen=True, slots=True)
class _Data:
    Files: Sequence[_Entry] | None = None
    LatestCommitter: _Committer | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    Success: bool
    Data: _Data | None = None
    Message: str | None = None


def _list_modelscope(hub: Hub, connection: Connection, name: HubName) -> Listing:
    revision = name.revision or "master"
    base = f"{hub.endpoint}/api/v1/models/{name.repository}/repo"
    url = f"{base}/files?{urlencode({'Revision': revision, 'Recursive': 'true'})}"
    answer = _parse(_Answer, connection.get_json(url, str(name)), url)
    if not answer.Success or answer.Data is None:
        raise FetchError(f"{hub.endpoint} does not list {name}: {answer.Message or 'no reason'}")
    if not answer.Data.Files:  # its answer to a revision that does not exist
        raise FetchError(f"{name.repository} has no revision {revision!r} on {hub.endpoint}")
    blobs = [file for file in answer.Data.Files if file.Type == "blob" and _is_plain(file.Path)]
    files = {}
    for file in blobs:
        address = f"{base}?{urlencode({'Revision': revision, 'FilePath': file.Path})}"
        files[file.Path] = RemoteFile(file.Path, file.Size, file.Sha256 or "", address)
    return Listing(_head(answer.Data, files.values()), files)


def _head(data: _Data, files: Iterable[RemoteFile]) -> str:
    """The commit of the listing. ModelScope tells its first eight digits, and in full only the
    commit that each file was last changed by; a digest over the files where neither helps."""
    latest = data.LatestCommitter or _Committer()
    known = {latest.Id or "", *(file.Revision or "" for file in data.Files or ())}
    short = latest.Id or latest.ShortId
    heads = {c for c in known if _COMMIT.fullmatch(c) and short and c.startswith(short)}
    if len(heads) == 1:
        return heads.pop()
    lines = sorted(f"{file.path} {file.digest}\n" for file in files)
    return "files-" + hashlib.sha256("".join(lines).encode()).hexdigest()[:40]


_LISTERS = {"huggingface": _list_huggingface, "modelscope": _list_modelscope}


def _parse(kind: type[T], value: JSON, url: str) -> T:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise FetchError(
            f"{url}: not what a model hub answers: {field}: {first['msg']}; check the endpoint"
        ) from None
