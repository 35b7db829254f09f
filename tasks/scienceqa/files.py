"""ScienceQA's files: problems.json with the ids of the splits, or the Hub's rows of test.

LLaVA's question file is made of the same problems by the rules of `wording`, so it is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.answers.letters import Options
from lvlm_eval.data import image_folder, inside, locate, read_mapping, read_object, require
from lvlm_eval.data_hub import HubTable, locate_hub, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.families.choice import lettered
from lvlm_eval.prompts import OPTION_LETTER
from lvlm_eval.schema import Image, Prompt, Sample

_FOLDERS = ("scienceqa", "scienceqa/data/scienceqa")
HUB = HubTable(
    repositories=("lmms-lab/ScienceQA", "lmms-lab-encoder/ScienceQA"),
    config="ScienceQA-FULL",
    split="test",
    columns=("question", "choices", "answer", "hint", "grade", "subject", "topic"),
)


def read_samples(root: Path) -> Iterator[Sample]:
    """The test split in its list's order. Ids are `test/<position>`, for the Hub's rows have none;
    the problem's own id is an alias where it is known.
    """
    if locate(root, *_places("problems.json")) is None and locate_hub(root, "scienceqa", HUB):
        for position, row in enumerate(read_hub(root, "scienceqa", HUB)):
            yield _sample(row, position, row.images("image"))
    else:
        yield from _of_problems(root)


def _of_problems(root: Path) -> Iterator[Sample]:
    problems = dict(read_mapping(require(root, "scienceqa", *_places("problems.json"))))
    splits = read_object(require(root, "scienceqa", *_places("pid_splits.json")))
    images = image_folder(root, "scienceqa/images/test", "scienceqa/test")
    for position, problem_id in enumerate(splits.texts("test")):
        if problem_id not in problems:
            raise DataError(f"{splits.origin}: problem {problem_id!r} is not in problems.json")
        row = problems[problem_id]
        shown = [row.text("image")] if row.get("image") else []
        pictures = [Image(inside(images, f"{problem_id}/{name}", row.origin)) for name in shown]
        yield replace(_sample(row, position, pictures), aliases=(problem_id,))


def _places(name: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for folder in _FOLDERS)


def _sample(row: Row, position: int, pictures: Sequence[Image]) -> Sample:
    options = lettered(row.texts("choices"))
    named = [replace(picture, name=str(position)) for picture in pictures]
    return Sample(
        question_id=f"test/{position}",
        # model_vqa_science hands pictures to the tower's processor as they are
        prompt=Prompt.user(*named, wording(row, options) + OPTION_LETTER, padded=False),
        target=_target(row, options),
        facts={"options": options},
        groups={
            **{axis: row.text(axis) for axis in ("subject", "topic", "grade")},
            "hint": "with" if row.text("hint") else "without",
            "image": "with" if pictures else "without",
        },
        origin=row.origin,
    )


def wording(row: Row, options: Options) -> str:
    """LLaVA's CQM form; doubled spaces become one, once from left to right."""
    choices = " ".join(f"({letter}) {option}" for letter, option in options.items())
    context = row.text("hint").strip() or "N/A"
    text = f"Context: {context}\nQuestion: {row.text('question')}\nOptions: {choices}"
    return text.replace("  ", " ").strip()


def _target(row: Row, options: Options) -> str:
    """The letter of the answer, which the file gives by position."""
    position = row.integer("answer")
    if not 0 <= position < len(options):
        raise DataError(
            f"{row.origin}: the answer {position} is not among the {len(options)} choices; no "
            "reply could be right"
        )
    return list(options)[position]
