"""MathVista's files: an object from problem id to problem, a file a split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, locate, read_mapping, require
from lvlm_eval.data_hub import HubTable, locate_hub, read_hub
from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image, Prompt, Sample

_HUB = HubTable(
    repositories=("AI4Math/MathVista",),
    split="testmini",
    columns=(
        *("pid", "question", "image", "choices", "unit", "precision", "answer"),
        *("question_type", "answer_type", "metadata", "query"),
    ),
    pictures=("decoded_image",),
)
_OWN = ("question_type", "answer_type")
_OF_METADATA = ("language", "source", "category", "task", "context", "grade")
AXES = _OWN + _OF_METADATA

_LETTER = "Please answer the question and provide the correct option letter, e.g., A, B, C, D"
_NUMBERS = {
    "integer": "an integer answer and provide the final value, e.g., 1, 2, 3",
    "float1": "a floating-point number with one decimal place and provide the final value, "
    "e.g., 1.2, 1.3, 1.4",
    "float2": "a floating-point number with two decimal places and provide the final value, "
    "e.g., 1.23, 1.34, 1.45",
    "list": "a Python list as an answer and provide the final list, "
    "e.g., [1, 2, 3], [1.2, 1.3, 1.4]",
}


def read_samples(root: Path, split: str) -> Iterator[Sample]:
    """The problems of a split in its file's order; test's have no answers, so no targets."""
    places = [f"mathvista/{split}.json", f"mathvista/data/{split}.json"]
    table = replace(_HUB, split=split)
    if locate(root, *places) is None and locate_hub(root, "mathvista", table):
        for row in read_hub(root, "mathvista", table):
            shown = replace(row.image("decoded_image"), name=Path(row.text("image")).name)
            yield _sample(row, row.identifier("pid"), shown)
        return
    images = image_folder(root, "mathvista", "mathvista/data")
    for pid, row in read_mapping(require(root, "mathvista", *places)):
        yield _sample(row, pid, Image(inside(images, row.text("image"), row.origin)))


def _sample(row: Row, pid: str, picture: Image) -> Sample:
    return Sample(
        question_id=pid,
        prompt=Prompt.user(picture, query(row)),
        target=row.text("answer") or None if row.get("answer") is not None else None,
        facts=_facts(row),
        groups=_groups(row),
        cluster=row.text("image"),
        origin=row.origin,
    )


def query(row: Row) -> str:
    """The authors' wording: hint, question and options; from its parts where it is not given."""
    if row.get("query"):
        return row.text("query")
    unit = f" (Unit: {row.text('unit')})" if row.get("unit") else ""
    lines = [f"Hint: {_hint(row)}, at the end.", f"Question: {row.text('question')}{unit}"]
    choices = _choices(row)
    if choices:
        options = (f"({chr(ord('A') + i)}) {text}" for i, text in enumerate(choices))
        lines += ["Choices:", *options]
    return "\n".join(lines)


def _hint(row: Row) -> str:
    if row.text("question_type") == "multi_choice":
        return _LETTER
    kind = row.text("answer_type")
    wanted = _NUMBERS.get(f"float{_precision(row)}" if kind == "float" else kind)
    if wanted is None:
        raise DataError(f"{row.origin}: no wording for 'answer_type' {kind!r} of that precision")
    return f"Please answer the question requiring {wanted}"


def _facts(row: Row) -> dict[str, JSON]:
    return {
        "choices": _choices(row),
        "answer_type": row.text("answer_type"),
        "precision": _precision(row),
        "skills": row.row("metadata").texts("skills"),
    }


def _choices(row: Row) -> list[str]:
    """The options; none unless the question is one of choice."""
    if row.text("question_type") != "multi_choice":
        return []
    choices = row.texts("choices")
    if not choices:
        raise DataError(f"{row.origin}: a question of choice without 'choices'")
    return choices


def _precision(row: Row) -> int | None:
    """Decimals of a number; the files write them as 1.0 and 2.0."""
    value = row.get("precision")
    if value is not None and not isinstance(value, (int, float)):
        raise DataError(f"{row.origin}: 'precision' must be a number or null")
    return None if value is None else int(value)


def _groups(row: Row) -> dict[str, str]:
    metadata = row.row("metadata")
    own = {axis: row.text(axis) for axis in _OWN}
    return own | {axis: metadata.text(axis) for axis in _OF_METADATA if metadata.get(axis)}
