"""The values of a fetch: a hub, a file on it, what a model consists of there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Hub:
    """endpoint: its address, without a slash at the end."""

    kind: Literal["huggingface", "modelscope"]
    endpoint: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in the top folder of a model. size: bytes, -1 if the hub does not say.

    digest: hex; SHA-256 of the content (64 digits), or the SHA-1 that git gives it as a blob
    (40), which is what Hugging Face tells of files outside LFS; "" if the hub tells none.
    """

    path: str
    size: int
    digest: str
    url: str

    @property
    def checkable(self) -> bool:
        """Whether what comes can be compared with what was announced."""
        return self.size >= 0 and _DIGEST.fullmatch(self.digest) is not None


@dataclass(frozen=True, slots=True)
class Listing:
    """commit: of the files; `files-...`, a digest over theirs, where the hub tells none."""

    commit: str
    files: Mapping[str, RemoteFile]
