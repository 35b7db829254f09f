"""The demo's other forms of questions in the file formats of their benchmarks: pure functions.

The formats are those of SEED-Bench, TextVQA 0.5.1 and COCO's captions as their authors publish
them, RefCOCO's rows as JSON, and the Hub's columns of CountBenchQA and MuirBench.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lvlm_eval.demo.annotate import Asked, annotators
from lvlm_eval.demo.boxes import box
from lvlm_eval.demo.captioning import references
from lvlm_eval.demo.choice import DIMENSIONS, LETTERS, Choice
from lvlm_eval.demo.draw import SIDE
from lvlm_eval.demo.scene import Scene, Thing
from lvlm_eval.schema import JSON

PICTURE = "<image>"  # where a picture belongs in MuirBench's text


@dataclass(frozen=True, slots=True)
class Offered:
    """A question with options about the image of that name."""

    image: str
    choice: Choice


def seed_bench_document(asked: Sequence[Offered]) -> dict[str, JSON]:
    """The questions file of SEED-Bench."""
    questions: list[JSON] = [
        {
            "question_id": 100_000 + place,
            "question_type_id": DIMENSIONS[item.choice.question.kind],
            "data_id": item.image,
            "data_type": "image",
            "question": item.choice.question.text,
            "answer": item.choice.letter,
            **{
                f"choice_{letter.lower()}": option
                for letter, option in zip(LETTERS, item.choice.options, strict=True)
            },
        }
        for place, item in enumerate(asked)
    ]
    return {"questions": questions, "question_type": {}}


def refcoco_rows(asked: Sequence[tuple[str, str, Thing]]) -> list[Mapping[str, JSON]]:
    """A row for each file name, expression and thing; boxes are x, y, width, height in pixels."""
    rows: list[Mapping[str, JSON]] = []
    for place, (name, expression, thing) in enumerate(asked, 1):
        left, top, right, bottom = box(thing)
        rows.append(
            {
                "question_id": str(place),
                "answer": expression,
                "bbox": [left, top, right - left, bottom - top],
                "file_name": name,
                "image_width": SIDE,
                "image_height": SIDE,
                "split": "val",
            }
        )
    return rows


def textvqa_document(asked: Sequence[Asked], rng: np.random.Generator) -> dict[str, JSON]:
    """The annotation file of TextVQA's validation split."""
    data: list[JSON] = [
        {
            "question_id": 34_602 + place,
            "image_id": item.image_id,
            "image_width": SIDE,
            "image_height": SIDE,
            "question": item.question.text,
            "answers": annotators(item.question, rng),
            "set_name": "val",
        }
        for place, item in enumerate(asked)
    ]
    return {
        "dataset_type": "val",
        "dataset_name": "textvqa",
        "dataset_version": "0.5.1",
        "data": data,
    }


def caption_document(shown: Sequence[tuple[int, str, Scene]]) -> dict[str, JSON]:
    """COCO's file of captions for images with id, file name and scene: five captions each."""
    images: list[JSON] = [
        {"id": number, "file_name": name, "width": SIDE, "height": SIDE}
        for number, name, _ in shown
    ]
    said = [(number, text) for number, _, scene in shown for text in references(scene)]
    annotations: list[JSON] = [
        {"id": place, "image_id": number, "caption": text}
        for place, (number, text) in enumerate(said, 1)
    ]
    return {
        "info": {"description": "a little drawn world"},
        "images": images,
        "annotations": annotations,
        "licenses": [],
    }


def muirbench_row(place: int, made: Choice) -> dict[str, JSON]:
    """A row of MuirBench but for its pictures."""
    return {
        "idx": str(place),
        "task": "Image-Text Matching",
        "image_relation": "Independent",
        "image_type": "Graphics",
        "question": f"{PICTURE}{PICTURE}{made.question.text}",
        "options": list(made.options),
        "answer": made.letter,
    }
