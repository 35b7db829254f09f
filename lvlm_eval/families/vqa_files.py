"""The files of VQA v1 and v2: questions on COCO pictures, and what ten people answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from sys import intern
from typing import cast

from lvlm_eval.data import Row, inside, read_array
from lvlm_eval.errors import DataError
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import JSON, Image, Prompt, Sample

_TEXT, _NUMBER = itemgetter("answer"), itemgetter("answer_id")


@dataclass(frozen=True, slots=True)
class Annotation:
    """What the annotators said of a question; a fraction of the size of the row it is from."""

    groups: Mapping[str, str]
    target: str
    answers: tuple[str, ...]


def read_annotated(questions: Path, annotations: Path, images: Path) -> Iterator[Sample]:
    """The questions in their file's order, with the annotators' answers as facts.

    The target is the answer that the file or, where it does not say, most people give; marking
    uses all of them. Pictures are val2014's.
    """
    said_of = _annotations(annotations)
    pictures: dict[int, Image] = {}  # several questions share one
    for row in read_array(questions, "questions"):
        question_id = row.identifier("question_id")
        if question_id not in said_of:
            raise DataError(
                f"{row.origin}: question {question_id} has no annotation in {annotations}"
            )
        number = row.integer("image_id")
        if number not in pictures:
            pictures[number] = Image(inside(images, coco_name("val2014", number), row.origin))
        yield _annotated(row, said_of[question_id], pictures[number], number)


def read_hub_annotated(rows: Iterable[Row], image_id: Callable[[Row], int]) -> Iterator[Sample]:
    """As `read_annotated`, from rows that have question, picture and answers together."""
    for row in rows:
        number = image_id(row)
        image = replace(row.image(), name=coco_name("val2014", number))
        yield _annotated(row, _annotation(row, tuple(_hub_answers(row))), image, number)


def coco_name(split: str, image_id: int) -> str:
    """The file name of a picture of COCO 2014 or 2015."""
    return f"COCO_{split}_{image_id:012d}.jpg"


def short_prompt(images: Path, name: str, question: str, origin: str) -> Prompt:
    """The picture of that name under `images`, the question, and LLaVA's short instruction."""
    return Prompt.user(Image(inside(images, name, origin)), question + SHORT_ANSWER)


def _annotated(row: Row, said: Annotation, image: Image, image_id: int) -> Sample:
    return Sample(
        question_id=row.identifier("question_id"),
        prompt=Prompt.user(image, row.text("question") + SHORT_ANSWER),
        target=said.target,
        facts={"answers": said.answers},
        groups=said.groups,
        cluster=str(image_id),
        origin=row.origin,
    )


def most_given(answers: tuple[str, ...]) -> str:
    """The answer that most people give, the earliest of equals."""
    return Counter(answers).most_common(1)[0][0]


def _annotations(path: Path) -> dict[str, Annotation]:
    """The annotations by question id; an error for a repeated one."""
    annotations: dict[str, Annotation] = {}
    for row in read_array(path, "annotations"):
        question_id = row.identifier("question_id")
        if question_id in annotations:
            raise DataError(f"{row.origin}: question {question_id} is annotated twice")
        annotations[question_id] = _annotation(row, tuple(_answers(row)))
    return annotations


def _annotation(row: Row, answers: tuple[str, ...]) -> Annotation:
    named = row.get("multiple_choice_answer") is not None
    target = row.text("multiple_choice_answer") if named else most_given(answers)
    return Annotation(
        _types(row.text("question_type"), row.text("answer_type")), intern(target), answers
    )


@lru_cache(maxsize=1 << 10)
def _types(question_type: str, answer_type: str) -> Mapping[str, str]:
    """One mapping for all questions of these types."""
    return {"question_type": question_type, "answer_type": answer_type}


def _hub_answers(row: Row) -> list[str]:
    """The answers of a row of the Hub: as texts, or as entries like the official ones."""
    answers = row.items("answers")
    if answers and all(isinstance(answer, str) for answer in answers):
        return row.texts("answers")
    return _answers(row)


def _answers(row: Row) -> list[str]:
    """What each annotator answered.

    The evaluator leaves out "the same" annotator by comparing whole entries: without ids of
    their own, annotators who agree would all be left out at once.
    """
    entries = cast("list[Mapping[str, JSON]]", row.items("answers"))
    try:
        texts = list(map(intern, map(_TEXT, entries)))  # a TypeError for what is no text
        numbers = set(map(_NUMBER, entries))
    except (KeyError, TypeError):
        return _checked_answers(row)
    plain = len(numbers) == len(entries) and set(map(type, numbers)) == {int}
    return texts if plain else _checked_answers(row)


def _checked_answers(row: Row) -> list[str]:
    """As `_answers`, entry by entry: too slow for millions, but it can say what is wrong."""
    answers = row.rows("answers")
    if not answers or len({a.identifier("answer_id") for a in answers}) != len(answers):
        raise DataError(f"{row.origin}: 'answers' must have at least one, each its answer_id")
    return [answer.text("answer") for answer in answers]
