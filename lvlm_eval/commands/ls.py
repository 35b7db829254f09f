"""`lvlm-eval ls`: models, tasks, suites, and which data is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lvlm_eval.commands.output import show, show_json
from lvlm_eval.errors import DataError, UsageError
from lvlm_eval.evaluation import DEMO, questions_of
from lvlm_eval.model_spec import DEMO_MODELS
from lvlm_eval.plugins import SUITES, adapter, load_task, model_names, task_names
from lvlm_eval.schema import JSON, Cell, Table

Rows = Mapping[str, Mapping[str, str]]


def ls(what: str, data: str | None, cache: Path, files: Sequence[Path], *, as_json: bool) -> None:
    """Print the catalogue of one kind; nothing heavy is imported."""
    if what == "models":
        rows = _models()
    elif what == "tasks":
        rows = _tasks(files)
    elif what == "suites":
        rows = _suites(files)
    elif what == "data":
        rows = _data(data, cache, files)
    else:
        raise UsageError(f"ls {what}: give models, tasks, suites or data")
    if as_json:
        content: dict[str, JSON] = dict(rows)
        show_json(content)
    else:
        show(_table(what, rows))


def _models() -> Rows:
    bundled = {
        name: {"about": "bundled tiny MoE-LLaVA" + (" before its experts" * (name != DEMO))}
        for name in DEMO_MODELS
    }
    adapters = {f"{name}:LOCATION": {"about": adapter(name).DESCRIPTION} for name in model_names()}
    return bundled | adapters


def _tasks(files: Sequence[Path]) -> Rows:
    tasks = {name: load_task(name, files) for name in task_names(files)}
    return {
        name: {
            "about": task.title,
            "headline": task.scorer.headline,
            "by": task.primary,
            "scorer": task.assurance,
            "other scorers": ", ".join(v for v in task.variants if v != task.primary),
        }
        for name, task in tasks.items()
    }


def _suites(files: Sequence[Path]) -> Rows:
    here = task_names(files)
    suites = {**SUITES, "all": tuple(here)}
    return {
        name: {
            "tasks": ", ".join(t for t in tasks if t in here),
            "not here yet": ", ".join(t for t in tasks if t not in here) or "-",
        }
        for name, tasks in suites.items()
    }


def _data(data: str | None, cache: Path, files: Sequence[Path]) -> Rows:
    if data is None:
        raise UsageError("ls data needs --data DIR, or --data demo")
    rows = {}
    for name in task_names(files):
        root = None if data == DEMO else Path(data)
        try:
            questions = questions_of(load_task(name, files), root, data == DEMO, cache)
            pictures = {i for s in questions.samples for i in s.prompt.images if i.path}
            there = {path: path.exists() for path in {i.path for i in pictures if i.path}}
            present = sum(there[i.path] for i in pictures if i.path)
            images = f"{present} of {len(pictures)} images"
            rows[questions.label] = {"state": f"{len(questions.samples)} questions, {images}"}
        except DataError as error:
            rows[name] = {"state": str(error)}
    return rows


def _table(what: str, rows: Rows) -> Table:
    columns = tuple(dict.fromkeys(column for row in rows.values() for column in row))
    cells = {
        (name, column): Cell(None, text=text)
        for name, row in rows.items()
        for column, text in row.items()
    }
    return Table(what, tuple(rows), columns, cells, corner="name")
