"""A data file that is a task by itself: VLMEvalKit's tables, LLaVA's question files with answers.

What its columns are called says what they hold; what its answers are says how it is marked:
options to choose from, yes or no, else a short answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from lvlm_eval.data import read_jsonl
from lvlm_eval.data_row import Row
from lvlm_eval.data_tsv import read_tsv
from lvlm_eval.declared.build import build
from lvlm_eval.declared.declaration import Declaration, Family, Fields, Source
from lvlm_eval.errors import DataError
from lvlm_eval.schema import Sample, Task

SUFFIXES = (".tsv", ".jsonl")
_log = logging.getLogger(__name__)


def bare_task(file: Path) -> Task:
    """The task of the file's name; its questions are read from the file where it lies.

    Pictures that are named and not embedded are looked for beside it. A column `category` is
    broken down by.
    """
    rows = read_tsv(file) if file.suffix == ".tsv" else list(read_jsonl(file))
    if not rows:
        raise DataError(f"{file}: holds no question")
    family = _family(rows)
    _log.info("%s: taken for questions of the family %s", file, family)
    declaration = Declaration(
        title=f"{file.name} ({family.replace('_', ' ')})",
        licence="of the file",
        family=family,
        data=[Source.model_validate({file.suffix[1:]: file.name})],
        fields=_fields(rows[0]),
        prompt="{question}" if file.suffix == ".jsonl" else "",  # LLaVA's has its instruction in it
        breakdown={"category": "category"} if all(r.get("category") for r in rows) else {},
    )
    task = build(file.stem, declaration, str(file))
    return replace(task, samples=partial(_beside, file, task.samples))


def _beside(file: Path, read: Callable[[Path], Iterator[Sample]], root: Path) -> Iterator[Sample]:
    """The file's own questions, whatever the data root."""
    return read(file.parent)


def _family(rows: list[Row]) -> Family:
    if any(row.get("A") or row.get("options") for row in rows):
        return "choice"
    answers = {str(row.get("answer") or row.get("label")).strip(" .").lower() for row in rows}
    return "yes_no" if answers <= {"yes", "no"} else "short_answer"


def _fields(row: Row) -> Fields:
    """LLaVA's question files of POPE and others call the answer a label."""
    label = "answer" not in row.values and "label" in row.values
    return Fields(answer="label") if label else Fields()
