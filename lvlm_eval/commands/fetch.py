"""`lvlm-eval fetch`: models, and the data of tasks, from a hub into the local cache."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lvlm_eval.commands.output import show_json
from lvlm_eval.errors import UsageError
from lvlm_eval.hub_cache import HubName, parse_hub_name
from lvlm_eval.model_spec import DEMO_MODELS
from lvlm_eval.plugins import SUITES, model_names, select_tasks, task_names
from lvlm_eval.schema import JSON, Task

if TYPE_CHECKING:
    from lvlm_eval.fetch.connection import Connection
    from lvlm_eval.fetch.job import Job
    from lvlm_eval.fetch.remote import Hub

_log = logging.getLogger(__name__)
_MODELSCOPE = "https://www.modelscope.cn"


@dataclass(frozen=True, slots=True)
class FetchArguments:
    """models: as given. source: the hub. tower: its name of the image tower, "" for config.json's.

    verify: hash also what is there. dry_run: say what would be fetched.
    """

    models: tuple[str, ...]
    revision: str = ""
    source: str = "huggingface"
    tower: str = ""
    verify: bool = False
    dry_run: bool = False


def fetch(arguments: FetchArguments, environment: Mapping[str, str], *, as_json: bool) -> None:
    """Bring each model with its image tower, each task's data; print where and which revision."""
    from huggingface_hub import constants

    from lvlm_eval.fetch.connection import Connection
    from lvlm_eval.fetch.data import plan_data
    from lvlm_eval.fetch.job import check_space, plan

    tasks = [task for text in arguments.models for task in _tasks(text)]
    models = [text for text in arguments.models if not _tasks(text)]
    names = [_name(text, arguments.revision) for text in models]
    if arguments.tower and len(names) > 1:
        raise UsageError("--tower names the image tower of one model; give one MODEL with it")
    if constants.HF_HUB_OFFLINE:
        raise UsageError("HF_HUB_OFFLINE is set, and fetch needs the network; unset it")
    hub, token = _hub(arguments.source, environment)
    cache = Path(constants.HF_HUB_CACHE)
    with Connection(token) as connection:
        planned = [plan(hub, connection, cache, name, arguments.tower) for name in names]
        places = [place for task in tasks for place in task.hub]
        planned.append(plan_data(hub, connection, cache, places, arguments.revision))
        jobs = list({job.snapshot: job for jobs in planned for job in jobs}.values())
        before = {job.snapshot: job.lacks for job in jobs}
        if not arguments.dry_run:
            check_space(jobs)
            _carry_out_all(jobs, connection, verify=arguments.verify)
    for task in () if as_json else tasks:
        typer.echo(f"{task.name}: licence: {task.licence}")
    if as_json:
        show_json({"models": [_as_json(job, before[job.snapshot]) for job in jobs]})
    for job in () if as_json else jobs:
        typer.echo(_as_text(job, before[job.snapshot], dry_run=arguments.dry_run))


def _hub(source: str, environment: Mapping[str, str]) -> tuple[Hub, str | None]:
    """The hub's address and the token to show there; MODELSCOPE_DOMAIN is what its SDK reads."""
    from huggingface_hub import constants, get_token

    from lvlm_eval.fetch.remote import Hub

    if source == "huggingface":
        return Hub("huggingface", constants.ENDPOINT), get_token()
    if source == "modelscope":
        domain = environment.get("MODELSCOPE_DOMAIN", "")
        default = f"https://{domain}" if domain else _MODELSCOPE
        endpoint = environment.get("MODELSCOPE_ENDPOINT", default)
        return Hub("modelscope", endpoint.rstrip("/")), None
    raise UsageError(f"--from {source}: give huggingface or modelscope")


def _carry_out_all(jobs: Sequence[Job], connection: Connection, *, verify: bool) -> None:
    """One bar with the time left over all files; none where stderr is no terminal."""
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    from lvlm_eval.fetch.job import carry_out

    size = sum(job.size for job in jobs)
    here = size - sum(job.lacks for job in jobs)
    with (
        logging_redirect_tqdm(),
        tqdm(
            desc="fetch",
            total=size,
            initial=here,
            unit="B",
            unit_scale=True,
            dynamic_ncols=True,
            disable=None,
        ) as bar,
    ):
        for job in jobs:
            carry_out(job, connection, bar.update, verify=verify)


def _tasks(text: str) -> list[Task]:
    """The tasks that are meant by the name of one or of a suite; none for a model's."""
    if text not in task_names() and text not in (*SUITES, "all"):
        return []
    tasks = select_tasks(text)
    missing = [task.name for task in tasks if not task.hub]
    if len(missing) == len(tasks):
        raise UsageError(
            f"{text}: no data set of the Hub is known for it; docs/data.md says which files of its "
            "authors go where"
        )
    for name in missing:
        _log.warning("%s: no data set of the Hub is known for it; see docs/data.md", name)
    return [task for task in tasks if task.hub]


def _name(text: str, revision: str) -> HubName:
    """The model that is meant by a MODEL as `run` takes it, options and all."""
    head = text.partition(",")[0]
    adapter, colon, location = head.partition(":")
    location = location if colon and adapter in model_names() else head
    if head in DEMO_MODELS or Path(location).exists():
        raise UsageError(f"{text} is here already: nothing to fetch")
    name = parse_hub_name(location)
    if name is None:
        raise UsageError(f"{text}: not a model's name on a hub (org/name or org/name@revision)")
    if revision and parse_hub_name(f"{name.repository}@{revision}") is None:
        raise UsageError(f"--revision {revision}: not a branch, tag or commit")
    return HubName(name.repository, name.revision or revision)


def _as_json(job: Job, lacked: int) -> JSON:
    return {
        "name": str(job.name),
        "revision": job.snapshot.commit,
        "folder": str(job.snapshot.folder),
        "tower_of": job.wanted_by,
        "bytes": job.size,
        "bytes_to_fetch": lacked,
        "files": [
            {"path": f.path, "bytes": f.size, "digest": f.digest, "url": f.url} for f in job.files
        ],
    }


def _as_text(job: Job, lacked: int, *, dry_run: bool) -> str:
    role = f", the image tower of {job.wanted_by}" if job.wanted_by else ""
    head = f"{job.name}{role}: revision {job.snapshot.commit}"
    if not dry_run:
        here = f"{len(job.files)} files, {_size(job.size)}, {_size(lacked)} of it new"
        return f"{head}\n  {here}, in {job.snapshot.folder}"
    lines = [
        f"  {'here' if job.snapshot.has(f) else 'to fetch':8}  {_size(f.size):>8}  {f.path}"
        for f in job.files
    ]
    return "\n".join([f"{head}; {_size(lacked)} of {_size(job.size)} to fetch", *lines])


def _size(count: int) -> str:
    """Bytes as people read them: decimal units, two or three digits."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
