"""Models in the local hub cache, by name: huggingface_hub's folder layout, read without network.

`HF_HOME` and `HF_HUB_CACHE` say where it is; huggingface_hub reads them. `lvlm-eval fetch` fills
it. A name may carry a revision: `org/name@v1.0`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.errors import CheckpointError

_NAME = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][\w./+-]*", re.ASCII)
MAIN = "main"  # the name under which a model's default revision is filed


@dataclass(frozen=True, slots=True)
class HubName:
    """`repository` is `org/name`; `revision` a branch, a tag or a commit, "" for the default."""

    repository: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}" if self.revision else self.repository


def parse_hub_name(text: str) -> HubName | None:
    """The name of a model on a hub, `org/name` or `org/name@revision`; None if it cannot be one."""
    repository, at, revision = text.partition("@")
    if not _NAME.fullmatch(repository) or (at and not _REVISION.fullmatch(revision)):
        return None
    return HubName(repository, revision)


def cached_snapshot(text: str) -> Path | None:
    """The folder of the model of that name in the local cache; None if it is not there."""
    name = parse_hub_name(text)
    if name is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name.repository, "config.json", revision=name.revision or MAIN)
    return Path(found).parent if isinstance(found, str) else None


def model_folder(location: str) -> Path:
    """The folder meant by a path or by the name of a model in the local cache.

    CheckpointError where neither is there.
    """
    folder = Path(location).expanduser()
    if folder.is_dir():
        return folder
    cached = cached_snapshot(location)
    if cached is None:
        raise CheckpointError(
            f"{location}: no such folder, and no such model in the local hub cache; "
            + how_to_get(location)
        )
    return cached


def revision_of(location: str) -> str:
    """The commit of a model that lies in a hub cache, by its name or folder; "" for others."""
    folder = Path(location).expanduser()
    snapshot = folder if folder.is_dir() else cached_snapshot(location)
    if snapshot is None:
        return ""
    snapshots = snapshot.absolute().parent
    in_cache = snapshots.name == "snapshots" and snapshots.parent.name.startswith("models--")
    return snapshot.absolute().name if in_cache else ""


def how_to_get(text: str) -> str:
    """What an error about a missing model says to do: the line that fetches it."""
    if parse_hub_name(text) is None:
        return "give a folder that is there, or a hub name (org/name)"
    return f"bring it into the hub cache: lvlm-eval fetch {text}"


def cached_data_set(repository: str) -> Path | None:
    """The folder of a data set of that name in the local cache; None if it is not there."""
    from huggingface_hub import constants

    base = Path(constants.HF_HUB_CACHE) / f"datasets--{repository.replace('/', '--')}"
    try:
        commit = (base / "refs" / MAIN).read_text().strip()
    except OSError:
        return None
    return base / "snapshots" / commit
