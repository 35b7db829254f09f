"""One commit of one model in the hub cache, as it is filled: huggingface_hub's own layout.

models--org--name/blobs/DIGEST            contents, DIGEST.incomplete while they come
                  snapshots/COMMIT/FILE   a link to its blob
                  refs/REVISION           the commit, written when all is there
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.durable import sync_folder, write_text

from .connection import size_of
from .remote import RemoteFile

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """cache: the hub cache's folder. repository: the name under which the model is filed.

    kind: `models` or `datasets`.
    """

    cache: Path
    repository: str
    commit: str
    kind: str = "models"

    @property
    def folder(self) -> Path:
        return self._base / "snapshots" / self.commit

    @property
    def _base(self) -> Path:
        return self.cache / f"{self.kind}--{self.repository.replace('/', '--')}"

    def partial(self, file: RemoteFile) -> Path:
        """Where the content comes in; the digest in its name makes it safe to go on with."""
        return self._blob(file).with_name(f"{file.digest}.incomplete")

    def has(self, file: RemoteFile) -> bool:
        """Whether the file is there, complete by its size."""
        return _is_whole(self.folder / file.path, file) or _is_whole(self._blob(file), file)

    def lacks(self, files: Iterable[RemoteFile]) -> int:
        """Bytes that are still to come."""
        missing = {file.digest: file for file in files if not self.has(file)}
        return sum(max(f.size - size_of(self.partial(f)), 0) for f in missing.values())

    def content_is_right(self, file: RemoteFile, path: Path | None = None) -> bool:
        """Whether the content, of `path` or of the file in its place, has the digest."""
        return digest_of(path or self._placed(file), len(file.digest)) == file.digest

    def place(self, file: RemoteFile) -> None:
        """The complete partial file becomes the file's content."""
        partial = self.partial(file)
        with partial.open("rb") as opened:
            os.fsync(opened.fileno())
        partial.replace(self._blob(file))
        sync_folder(partial.parent)

    def link(self, file: RemoteFile) -> None:
        """The file stands in the snapshot; by a copy where the disk knows no links."""
        target = self.folder / file.path
        if _is_whole(target, file):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            target.symlink_to(os.path.relpath(self._blob(file), target.parent))
        except OSError:
            self._blob(file).replace(target)

    def remove(self, file: RemoteFile) -> None:
        """The file is gone, content and link."""
        for path in (self.folder / file.path, self._blob(file), self.partial(file)):
            path.unlink(missing_ok=True)

    def name_it(self, revision: str) -> None:
        """From now on the revision (a branch or tag) means this commit."""
        if revision == self.commit:
            return
        ref = self._base / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        write_text(ref, self.commit)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One fetch of a model at a time; a second one waits."""
        folder = self.cache / ".locks" / self._base.name
        folder.mkdir(parents=True, exist_ok=True)
        self._blobs.mkdir(parents=True, exist_ok=True)
        with (folder / "fetch.lock").open("w") as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _log.warning("%s: another fetch is at work; waiting for it", self.repository)
                fcntl.flock(opened, fcntl.LOCK_EX)
            yield

    @property
    def _blobs(self) -> Path:
        return self._base / "blobs"

    def _blob(self, file: RemoteFile) -> Path:
        return self._blobs / file.digest

    def _placed(self, file: RemoteFile) -> Path:
        linked = self.folder / file.path
        return linked if linked.is_file() else self._blob(file)


def digest_of(path: Path, digits: int) -> str:
    """SHA-256 of the content (64 digits), or the SHA-1 that git gives it as a blob (40)."""
    with path.open("rb") as opened:
        if digits == 64:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        content = opened.read()
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def _is_whole(path: Path, file: RemoteFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size
