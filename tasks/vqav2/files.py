"""VQAv2's files: questions and annotations of val, questions alone of test-dev."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sys import intern

from lvlm_eval.data import Row, image_folder, inside, read_array, read_jsonl, require
from lvlm_eval.errors import DataError
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import Image, Prompt, Sample

VAL_QUESTIONS = "vqav2/v2_OpenEnded_mscoco_val2014_questions.json"
VAL_ANNOTATIONS = "vqav2/v2_mscoco_val2014_annotations.json"
TESTDEV_QUESTIONS = "vqav2/v2_OpenEnded_mscoco_test-dev2015_questions.json"
TESTDEV_LLAVA = "vqav2/llava_vqav2_mscoco_test-dev2015.jsonl"


@dataclass(frozen=True, slots=True)
class Annotation:
    """What the annotators said of a question; a fraction of the size of the row it is from."""

    question_type: str
    answer_type: str
    target: str
    answers: tuple[str, ...]


def split_at(root: Path) -> str:
    """`val` where its questions are, else `testdev`; MissingData where neither is."""
    found = require(root, "vqav2", VAL_QUESTIONS, TESTDEV_QUESTIONS, TESTDEV_LLAVA)
    return "val" if found == root / VAL_QUESTIONS else "testdev"


def read_val(root: Path) -> Iterator[Sample]:
    """The questions of val2014 in their file's order, with the annotators' answers as facts.

    The target is the most frequent answer; marking uses all of them.
    """
    questions = require(root, "vqav2", VAL_QUESTIONS)
    path = require(root, "vqav2", VAL_ANNOTATIONS)
    annotations = _annotations(path)
    images = image_folder(root, "coco/val2014", "vqav2/val2014")
    for row in read_array(questions, "questions"):
        question_id = row.identifier("question_id")
        if question_id not in annotations:
            raise DataError(f"{row.origin}: question {question_id} has no annotation in {path}")
        said = annotations[question_id]
        yield Sample(
            question_id=question_id,
            prompt=_prompt(images, f"COCO_val2014_{row.integer('image_id'):012d}.jpg", row),
            target=said.target,
            facts={"answers": said.answers},
            groups={"question_type": said.question_type, "answer_type": said.answer_type},
            cluster=str(row.integer("image_id")),
            origin=row.origin,
        )


def _annotations(path: Path) -> dict[str, Annotation]:
    """The annotations by question id; an error for a repeated one."""
    annotations: dict[str, Annotation] = {}
    for row in read_array(path, "annotations"):
        question_id = row.identifier("question_id")
        if question_id in annotations:
            raise DataError(f"{row.origin}: question {question_id} is annotated twice")
        answers = row.rows("answers")
        # The evaluator leaves out "the same" annotator by comparing whole entries: without ids
        # of their own, annotators who agree would all be left out at once.
        if not answers or len({a.identifier("answer_id") for a in answers}) != len(answers):
            raise DataError(f"{row.origin}: 'answers' must have at least one, each its answer_id")
        annotations[question_id] = Annotation(
            intern(row.text("question_type")),
            intern(row.text("answer_type")),
            intern(row.text("multiple_choice_answer")),
            tuple(intern(a.text("answer")) for a in answers),
        )
    return annotations


def read_testdev(root: Path) -> Iterator[Sample]:
    """The questions of test-dev2015 without targets, from the official or from LLaVA's file."""
    path = require(root, "vqav2", TESTDEV_QUESTIONS, TESTDEV_LLAVA)
    images = image_folder(root, "coco/test2015", "vqav2/test2015")
    if path.suffix == ".jsonl":
        rows = ((row, row.text("image")) for row in read_jsonl(path))
    else:
        rows = (
            (row, f"COCO_test2015_{row.integer('image_id'):012d}.jpg")
            for row in read_array(path, "questions")
        )
    for row, image in rows:
        yield Sample(
            question_id=row.identifier("question_id"),
            prompt=_prompt(images, image, row),
            target=None,
            cluster=image,
            origin=row.origin,
        )


def _prompt(images: Path, name: str, row: Row) -> Prompt:
    """The image and the question; LLaVA's file has the instruction in it, the official not."""
    text = row.text("text") if "text" in row.values else row.text("question") + SHORT_ANSWER
    return Prompt.user(Image(inside(images, name, row.origin)), text)
