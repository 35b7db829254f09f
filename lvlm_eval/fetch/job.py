"""A fetch from its plan to its end: a model and the image tower that its config.json names.

The plan asks the hub and writes nothing; the work brings file after file, each verified before
it takes its place, and names the revision last: a model is in the cache whole, or not yet.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from lvlm_eval.errors import FetchError, Incomplete
from lvlm_eval.hub_cache import MAIN, HubName, cached_snapshot, parse_hub_name
from lvlm_eval.schema import JSON

from .connection import Advance, Connection, size_of
from .listing import list_files
from .remote import Hub, Listing, RemoteFile
from .selection import ReadJson, choose, choose_tower, tower_of
from .snapshot import Snapshot, digest_of

Choose = Callable[[Collection[str], ReadJson, str], list[str]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """name: as the hub is asked. wanted_by: the model whose image tower it is, "" for a model."""

    name: HubName
    snapshot: Snapshot
    files: tuple[RemoteFile, ...]
    wanted_by: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files, fetched already or not."""
        return sum(file.size for file in self.files)

    @property
    def lacks(self) -> int:
        """Bytes that are still to come."""
        return self.snapshot.lacks(self.files)


def plan(
    hub: Hub, connection: Connection, cache: Path, name: HubName, tower: str = ""
) -> list[Job]:
    """What is to be brought for a model, its image tower last.

    tower: the hub's name of the image tower, where it has it under another one than config.json
    gives. A tower that is in the cache already is left alone.
    """
    listing = list_files(hub, connection, name)
    read = _reader(listing, connection, name)
    files = _chosen(listing, choose, read, name)
    job = Job(name, Snapshot(cache, name.repository, listing.commit), files)
    return [job, *_plan_tower(hub, connection, job, tower_of(read("config.json")), tower)]


def _plan_tower(hub: Hub, connection: Connection, job: Job, wanted: str, alias: str) -> list[Job]:
    model, cache = str(job.name), job.snapshot.cache
    if not wanted or _is_cached_tower(wanted):
        return []
    filed = parse_hub_name(wanted)
    if filed is None:
        _log.warning(
            "%s: its image tower is a folder of its trainer, %r, and not fetched; "
            "give a folder that holds it as option towers=DIR",
            *(model, wanted),
        )
        return []
    name = parse_hub_name(alias) if alias else filed
    if name is None:
        raise FetchError(f"--tower {alias}: not a hub name (org/name)")
    try:
        listing = list_files(hub, connection, name)
    except FetchError as error:
        raise FetchError(
            f"the image tower of {model}: {error}. If {hub.endpoint} has it under another name, "
            f"add --tower NAME; or bring it from another hub first: lvlm-eval fetch {wanted}"
        ) from None
    files = _chosen(listing, choose_tower, _reader(listing, connection, name), name)
    return [Job(name, Snapshot(cache, filed.repository, listing.commit), files, model)]


def _is_cached_tower(name: str) -> bool:
    folder = cached_snapshot(name)
    if folder is None:
        return False
    names = [file.name for file in folder.iterdir() if file.is_file()]
    try:
        choose_tower(names, lambda n: cast("JSON", json.loads((folder / n).read_bytes())), name)
    except (FetchError, ValueError):
        return False  # settings only, as other programs leave it, or half of it
    return True


def _chosen(
    listing: Listing, choose: Choose, read: ReadJson, name: HubName
) -> tuple[RemoteFile, ...]:
    files = tuple(listing.files[path] for path in choose(listing.files, read, str(name)))
    for file in files:
        if not file.checkable:
            raise FetchError(f"{name}: {file.path}: the hub tells no size and digest to check by")
    return files


def _reader(listing: Listing, connection: Connection, name: HubName) -> ReadJson:
    """Reads a small file from the hub without keeping it."""

    def read(path: str) -> JSON:
        return connection.get_json(listing.files[path].url, str(name))

    return read


def check_space(jobs: Sequence[Job]) -> None:
    """FetchError if the disk of the cache cannot hold what is still to come."""
    if not jobs:
        return
    cache = jobs[0].snapshot.cache.absolute()
    place = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    needed, free = sum(job.lacks for job in jobs), shutil.disk_usage(place).free
    if needed > free:
        raise FetchError(
            f"{place}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free; make room, "
            "or put the cache elsewhere (HF_HOME)"
        )


def carry_out(job: Job, connection: Connection, advance: Advance, *, verify: bool = False) -> None:
    """Brings the files that are not there and gives the snapshot its name.

    verify: files that are there already are compared with the hub's digests as well. Raises
    FetchError, Incomplete.
    """
    try:
        with job.snapshot.locked():
            for file in job.files:
                _bring(file, job, connection, advance, verify=verify)
                job.snapshot.link(file)
            job.snapshot.name_it(job.name.revision or MAIN)
    except OSError as error:
        raise Incomplete(
            f"{error.filename or job.snapshot.cache}: {error.strerror}; what is here is kept, "
            "put it right and give the same command again"
        ) from None


def _bring(
    file: RemoteFile, job: Job, connection: Connection, advance: Advance, *, verify: bool
) -> None:
    snapshot, what = job.snapshot, f"{job.name}: {file.path}"
    if snapshot.has(file):
        if not verify or snapshot.content_is_right(file):
            return
        _log.warning("%s: is damaged (its digest is not the hub's); fetching it anew", what)
        snapshot.remove(file)
        advance(-file.size)
    partial = snapshot.partial(file)
    for before in (size_of(partial), 0):
        connection.download(file, partial, str(job.name), advance)
        found = digest_of(partial, len(file.digest))
        if found == file.digest:
            snapshot.place(file)
            return
        advance(-size_of(partial))
        partial.unlink()
        if not before:
            break
        _log.warning("%s: what an earlier fetch left of it was damaged; fetching all of it", what)
    raise FetchError(
        f"{what}: the hub sent other bytes than it announced (digest {found[:12]} instead of "
        f"{file.digest[:12]}); they are deleted; try again later or with another endpoint"
    )
