"""The data sets of the Hub that a task reads: which files of them, and the job to bring these."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from lvlm_eval.data_hub import usual_names
from lvlm_eval.errors import FetchError
from lvlm_eval.hub_cache import HubName
from lvlm_eval.schema import HubSplit

from .connection import Connection
from .job import Job
from .listing import list_data
from .remote import Hub, Listing, RemoteFile
from .snapshot import Snapshot

CARD = "README.md"  # says which file is of which configuration and split


def plan_data(
    hub: Hub, connection: Connection, cache: Path, places: Sequence[HubSplit], revision: str = ""
) -> list[Job]:
    """A job for each data set, with the files of all its wanted splits and its card."""
    repositories = dict.fromkeys(place.repository for place in places)
    jobs = []
    for repository in repositories:
        name = HubName(repository, revision)
        listing = list_data(hub, connection, name)
        wanted = [place for place in places if place.repository == repository]
        snapshot = Snapshot(cache, repository, listing.commit, "datasets")
        jobs.append(Job(name, snapshot, _chosen(listing, wanted)))
    return jobs


def _chosen(listing: Listing, places: Sequence[HubSplit]) -> tuple[RemoteFile, ...]:
    paths = [CARD] if CARD in listing.files else []
    for place in places:
        paths += _split(listing, place)
    files = tuple(listing.files[path] for path in dict.fromkeys(paths))
    for file in files:
        if not file.checkable:
            raise FetchError(f"{file.url}: the hub tells no size and digest to check by")
    return files


def _split(listing: Listing, place: HubSplit) -> list[str]:
    """The split's Parquet files by their usual names."""
    found = [p for p in sorted(listing.files) for n in usual_names(place) if fnmatchcase(p, n)]
    if not found:
        there = ", ".join(sorted(p for p in listing.files if p.endswith(".parquet"))[:5])
        raise FetchError(
            f"{place.repository}: no Parquet file of configuration {place.config}, split "
            f"{place.split}; it has {there or 'none at all'}. Put the benchmark's own files under "
            "the data root instead: docs/data.md says where"
        )
    return found
