"""SEED-Bench's files: the authors' SEED-Bench.json, LLaVA's question file, or both.

LLaVA's file says which picture is shown, of a video its middle frame, which its script extracts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data import inside, locate, read_array, read_jsonl, require
from lvlm_eval.data_hub import HubTable, locate_hub, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.families.choice import lettered, listed, offered
from lvlm_eval.prompts import OPTION_LETTER
from lvlm_eval.schema import Image, Prompt, Sample

DIMENSIONS = (
    "Scene Understanding", "Instance Identity", "Instance Attribute", "Instance Location",
    "Instance Counting", "Spatial Relation", "Instance Interaction", "Visual Reasoning",
    "Text Recognition", "Action Recognition", "Action Prediction", "Procedure Understanding",
)  # fmt: skip
_QUESTIONS = "seed_bench/SEED-Bench.json"
_LLAVA_FILE = "seed_bench/llava-seed-bench.jsonl"
HUB = HubTable(
    repositories=("lmms-lab/SEED-Bench", "lmms-lab-encoder/SEED-Bench"),
    split="test",
    columns=(
        *("question_id", "question_type_id", "data_id", "data_type", "question", "answer"),
        *(f"choice_{letter}" for letter in "abcd"),
    ),
)


def read_samples(root: Path) -> Iterator[Sample]:
    """All questions in their file's order; with LLaVA's file alone the targets are None."""
    if locate(root, _QUESTIONS):
        yield from _of_authors(root)
    elif llava := locate(root, _LLAVA_FILE):
        yield from (_unanswered(row, root) for row in read_jsonl(llava))
    elif locate_hub(root, "seed_bench", HUB):
        for row in read_hub(root, "seed_bench", HUB):
            frames = row.images("image")
            yield _sample(row, frames[len(frames) // 2 : len(frames) // 2 + 1])
    else:
        require(root, "seed_bench", _QUESTIONS, _LLAVA_FILE)


def read_frames(root: Path) -> Iterator[Sample]:
    """The questions about videos, each with all the frames that the Hub's rows have."""
    for row in read_hub(root, "seed_bench", HUB):
        if row.text("data_type") == "video":
            yield _sample(row, row.images("image"))


def _of_authors(root: Path) -> Iterator[Sample]:
    llava = locate(root, _LLAVA_FILE)
    shown = {row.identifier("question_id"): row for row in read_jsonl(llava)} if llava else {}
    for row in read_array(root / _QUESTIONS, "questions"):
        question_id = row.identifier("question_id")
        if question_id in shown:
            place = shown[question_id].text("image")
        elif row.text("data_type") == "video":
            place = f"SEED-Bench-video-image/{question_id}.png"
        else:
            place = f"SEED-Bench-image/{row.identifier('data_id')}"
        yield _sample(row, [Image(inside(root / "seed_bench", place, row.origin))])


def _sample(row: Row, pictures: Sequence[Image]) -> Sample:
    question_id = row.identifier("question_id")
    named = [replace(picture, name=f"{question_id}/{i}") for i, picture in enumerate(pictures)]
    options = lettered([row.text(f"choice_{letter}") for letter in "abcd"])
    return Sample(
        question_id=question_id,
        prompt=Prompt.user(*named, row.text("question") + listed(options) + OPTION_LETTER),
        target=offered(row.text("answer"), options, row.origin),
        facts={"options": options},
        groups={"data_type": row.text("data_type"), "dimension": _dimension(row)},
        cluster=row.identifier("data_id"),
        # as JSON writes it: the upload repeats the type, number or text, that the file has
        aliases=(question_id, json.dumps(row.get("question_id"))),
        origin=row.origin,
    )


def _dimension(row: Row) -> str:
    number = row.integer("question_type_id")
    if not 1 <= number <= len(DIMENSIONS):
        raise DataError(f"{row.origin}: 'question_type_id' must be 1 to 12, got {number}")
    return DIMENSIONS[number - 1]


def _unanswered(row: Row, root: Path) -> Sample:
    question_id, name = row.identifier("question_id"), row.text("image")
    image = Image(inside(root / "seed_bench", name, row.origin), name=f"{question_id}/0")
    return Sample(
        question_id=question_id,
        prompt=Prompt.user(image, row.text("text")),
        target=None,
        groups={"data_type": row.text("category")},
        cluster=name,
        origin=row.origin,
    )
