"""GQA as the Hub has it: questions in one configuration, the pictures they share in another."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image

QUESTIONS = HubTable(
    repositories=("lmms-lab/GQA", "lmms-lab-encoder/GQA"),
    split="testdev",
    columns=(
        "id", "imageId", "question", "answer", "isBalanced", "groups", "entailed", "types",
        "semantic",
    ),
    pictures=(),
    config="testdev_balanced_instructions",
    known="as lmms-eval 75571cf reads it",
)  # fmt: skip
PICTURES = replace(
    QUESTIONS, columns=("id",), pictures=("image",), config="testdev_balanced_images"
)


def read_copy(root: Path) -> tuple[dict[str, Row], dict[str, Image]]:
    """The questions by id, in the form of the official file, and the pictures by theirs."""
    rows: dict[str, Row] = {}
    for row in read_hub(root, "gqa", QUESTIONS):
        question_id = row.identifier("id")
        if question_id in rows:
            raise DataError(f"{row.origin}: id {question_id!r} occurs twice")
        rows[question_id] = replace(row, values={**row.values, "entailed": _entailed(row)})
    pictures = {
        row.identifier("id"): replace(row.image(), name=f"{row.identifier('id')}.jpg")
        for row in read_hub(root, "gqa", PICTURES)
    }
    for row in rows.values():
        if row.identifier("imageId") not in pictures:
            raise DataError(f"{row.origin}: no picture has the id {row.identifier('imageId')!r}")
    return rows, pictures


def _entailed(row: Row) -> list[JSON]:
    """The ids of what a question entails: a list, or the text of one."""
    value = row.get("entailed")
    if not isinstance(value, str):
        return list(row.items("entailed"))
    try:
        found = ast.literal_eval(value or "[]")
    except (ValueError, SyntaxError):
        found = None
    if not isinstance(found, list):
        raise DataError(f"{row.origin}: 'entailed' must list ids, got {value!r}")
    return found
