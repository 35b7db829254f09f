"""A run's folder: the only place that writes under `results/`.

    <model>/<run-id>/run.json          what was asked of which model; its digest is the run-id
    <model>/<run-id>/<task>/           one TaskStore

A folder holds one run for ever: opening it for another is a RunMismatch.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lvlm_eval.bundle import unpack, unpack_for_reading
from lvlm_eval.durable import folder_name, parse, read_json, write_json
from lvlm_eval.errors import RunMismatch, StoreError, UsageError
from lvlm_eval.schema import JSON, Run
from lvlm_eval.task_store import TaskStore

if TYPE_CHECKING:
    import pandas as pd

RUN_ID_LENGTH = 12
_PORTION = 1000  # values encoded at a time


def digest_of_json(value: JSON) -> str:
    """SHA-256 (hex) of the value's canonical JSON text."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_list(values: Iterable[JSON]) -> str:
    """As `digest_of_json` of them all in one list, without ever holding that text."""
    encode = json.JSONEncoder(
        sort_keys=True, ensure_ascii=False, separators=(",", ":"), check_circular=False
    ).encode
    digest, pending = hashlib.sha256(b"["), iter(values)
    before = ""
    while portion := list(itertools.islice(pending, _PORTION)):
        digest.update((before + encode(portion)[1:-1]).encode())
        before = ","
    digest.update(b"]")
    return digest.hexdigest()


def fingerprint(run: Run) -> str:
    """The digest of all that makes a run's answers; tasks, limits and workers are left out."""
    return digest_of_json(asdict(run))


@dataclass(frozen=True, slots=True)
class _RunFile:
    asked: Run
    fingerprint: str
    provenance: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class RunStore:
    """One run on disk."""

    folder: Path
    run: Run
    provenance: Mapping[str, JSON]

    @classmethod
    def create(cls, results: Path, run: Run, provenance: Mapping[str, JSON]) -> RunStore:
        """The run's store under `results`; a folder that is already there is gone on with."""
        folder = results / folder_name(run.model) / fingerprint(run)[:RUN_ID_LENGTH]
        if (folder / "run.json").exists():
            return cls._same(folder, run)
        if folder.exists() and any(folder.iterdir()):
            raise StoreError(
                f"{folder} has files but no run.json; remove the folder to start afresh"
            )
        folder.mkdir(parents=True, exist_ok=True)
        described = _RunFile(run, fingerprint(run), provenance)
        write_json(folder / "run.json", asdict(described))
        return cls(folder, run, provenance)

    @classmethod
    def open(cls, folder: Path) -> RunStore:
        """The run that a folder holds; StoreError if there is none or it was tampered with."""
        file = folder / "run.json"
        if not file.exists():
            raise StoreError(f"{folder} is no run: it has no run.json")
        described = parse(_RunFile, read_json(file), str(file))
        run = described.asked
        if described.fingerprint != fingerprint(run):
            raise RunMismatch(
                f"{file}: its fingerprint does not fit what it says was asked; the file was "
                "changed by hand: restore it, or remove the folder to start afresh"
            )
        return cls(folder, run, described.provenance)

    @classmethod
    def _same(cls, folder: Path, run: Run) -> RunStore:
        store = cls.open(folder)
        if store.run != run:
            there, here = asdict(store.run), asdict(run)
            differing = ", ".join(key for key in here if here[key] != there[key])
            raise RunMismatch(
                f"{folder} holds a run with another {differing}; give another --name or "
                "--results, or remove the folder to start afresh"
            )
        return store

    @property
    def run_id(self) -> str:
        return fingerprint(self.run)[:RUN_ID_LENGTH]

    @property
    def name(self) -> str:
        """How messages and verdicts call the run."""
        return f"{self.run.model}/{self.run_id}"

    def task(self, label: str) -> TaskStore:
        """The store of one task; `label` is its name, with `@demo` for the bundled data."""
        return TaskStore(self.folder / label)

    def tasks(self) -> list[TaskStore]:
        """The stores of all tasks asked so far, by name."""
        return [TaskStore(file.parent) for file in sorted(self.folder.glob("*/task.json"))]

    def frame(self) -> pd.DataFrame:
        """A row a marked answer, indexed by task and question: answer, target, "value/NAME" of
        each mark, "group/AXIS" of each breakdown. StoreError where a task is not marked yet."""
        import pandas as pd

        if not self.tasks():
            raise StoreError(f"{self.folder} has no answers yet")
        lines = [(task.label, line) for task in self.tasks() for line in task.scores()]
        rows = [{"task": label, **line.figures()} for label, line in lines]
        return pd.DataFrame(rows).set_index(["task", "question_id"])


def find_runs(results: Path) -> list[RunStore]:
    """All runs under a results folder (or the one that the folder is), by model and run-id."""
    if (results / "run.json").exists():
        return [RunStore.open(results)]
    return [RunStore.open(file.parent) for file in sorted(results.glob("*/*/run.json"))]


def find_run(name: str, results: Path, *, to_write: bool = False) -> RunStore:
    """The one run meant by a folder, a bundle, `model@latest`, or the start of a run id.

    model@latest: the newest of its ordinary runs; of blind and mismatched ones if it has no other.
    to_write: a bundle is unpacked under `results` to stay; for reading it is not kept.
    Raises UsageError where none or several fit.
    """
    if Path(name).is_dir():
        return RunStore.open(Path(name))
    if Path(name).is_file():
        file = Path(name)
        return RunStore.open(unpack(file, results) if to_write else unpack_for_reading(file))
    runs = find_runs(results)
    if name.endswith("@latest"):
        model = folder_name(name.removesuffix("@latest"))
        of_model = [run for run in runs if run.folder.parent.name == model]
        ordinary = [run for run in of_model if run.run.mode == "normal"]
        newest = sorted(ordinary or of_model, key=lambda run: _changed(run.folder / "run.json"))
        fitting = newest[-1:]
    else:
        fitting = [run for run in runs if run.run_id.startswith(name)]
    if len(fitting) != 1:
        found = ", ".join(f"{run.folder.parent.name}/{run.run_id}" for run in fitting or runs)
        problem = "several runs fit" if fitting else "no run fits"
        models = {run.folder.parent.name for run in runs}
        hint = f"; for the newest write {name}@latest" if folder_name(name) in models else ""
        raise UsageError(f"{problem} {name!r} under {results}; there are: {found or 'none'}{hint}")
    return fitting[0]


def _changed(file: Path) -> float:
    return file.stat().st_mtime
