"""Where VQAv2's files are: questions and annotations of val, questions alone of test-dev."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, read_array, read_jsonl, require
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.families.splits import Source
from lvlm_eval.families.vqa_files import coco_name, read_annotated, read_hub_annotated
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import Image, Prompt, Sample

HUB = HubTable(
    repositories=("lmms-lab/VQAv2", "lmms-lab-encoder/VQAv2"),
    split="validation",
    columns=(
        "question_id", "image_id", "question", "question_type", "answer_type",
        "multiple_choice_answer", "answers",
    ),
)  # fmt: skip
HUB_TESTDEV = replace(HUB, split="testdev", columns=("question_id", "image_id", "question"))
VAL = Source(("vqav2/v2_OpenEnded_mscoco_val2014_questions.json",), HUB)
TESTDEV = Source(
    (
        "vqav2/v2_OpenEnded_mscoco_test-dev2015_questions.json",
        "vqav2/llava_vqav2_mscoco_test-dev2015.jsonl",
    ),
    HUB_TESTDEV,
)
ANNOTATIONS = "vqav2/v2_mscoco_val2014_annotations.json"


def read_val(root: Path) -> Iterator[Sample]:
    """The questions of val2014 with the annotators' answers."""
    questions = VAL.find(root, "vqav2")
    if questions is None:
        rows = read_hub(root, "vqav2", HUB)
        return read_hub_annotated(rows, lambda row: row.integer("image_id"))
    annotations = require(root, "vqav2", ANNOTATIONS)
    images = image_folder(root, "coco/val2014", "vqav2/val2014")
    return read_annotated(questions, annotations, images)


def read_testdev(root: Path) -> Iterator[Sample]:
    """The questions of test-dev2015 without targets, the official's, LLaVA's or the Hub's."""
    path = TESTDEV.find(root, "vqav2")
    images = image_folder(root, "coco/test2015", "vqav2/test2015")
    if path is None:
        for row in read_hub(root, "vqav2", HUB_TESTDEV):
            yield _asked(row, replace(row.image(), name=_name(row)))
    elif path.suffix == ".jsonl":
        for row in read_jsonl(path):
            yield _asked(row, Image(inside(images, row.text("image"), row.origin)))
    else:
        for row in read_array(path, "questions"):
            yield _asked(row, Image(inside(images, _name(row), row.origin)))


def _name(row: Row) -> str:
    return coco_name("test2015", row.integer("image_id"))


def _asked(row: Row, image: Image) -> Sample:
    """LLaVA's file has the instruction in it, the others not."""
    text = row.text("text") if "text" in row.values else row.text("question") + SHORT_ANSWER
    prompt = Prompt.user(image, text)
    question_id = row.identifier("question_id")
    return Sample(question_id, prompt, target=None, cluster=image.name, origin=row.origin)
