"""`lvlm-eval submit`: the file that a benchmark's server wants for a run's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from lvlm_eval.commands.output import show_json
from lvlm_eval.commands.score import check_same_questions
from lvlm_eval.commands.server import answered
from lvlm_eval.errors import UsageError
from lvlm_eval.evaluation import DEMO, questions_of
from lvlm_eval.plugins import load_task
from lvlm_eval.uploads import ENDINGS, make_upload


@dataclass(frozen=True, slots=True)
class Source:
    """Whose answers: a run and one of its tasks, and where the task's data are."""

    run: str
    label: str
    data: str | None
    results: Path
    cache: Path


def submit(source: Source, output: Path, files: Sequence[Path], *, as_json: bool) -> None:
    """Write the file, read back and checked; UsageError where the task has no server."""
    store = answered(source.run, source.label, source.results)
    task = load_task(source.label.partition("@")[0], files)
    if task.upload is None:
        raise UsageError(f"{task.name} is marked here: no server wants a file of its answers")
    ending = ENDINGS[task.upload.kind]
    if output.suffix != ending:
        raise UsageError(f"-o {output}: the server of {task.name} takes a {ending} file")
    if source.data is None or source.data == DEMO:
        raise UsageError(f"submit needs --data DIR with the questions of {task.name}")
    root = Path(source.data)
    questions = questions_of(task, root, False, source.cache)
    check_same_questions(questions, store.task_run().data_digest, str(store.folder))
    content = make_upload(task.upload, questions.samples, store.responses(), root)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(content)
    if as_json:
        show_json({"file": str(output), "answers": len(questions.samples)})
        return
    typer.echo(f"{output}: {len(questions.samples)} answers, in the form that the server takes")
