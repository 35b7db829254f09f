"""POPE as the Hub has it: 9,000 questions, each with its picture; 500 pictures in all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import Image, Prompt, Sample

HUB = HubTable(
    repositories=("lmms-lab/POPE", "lmms-lab-encoder/POPE"),
    split="test",
    columns=("question_id", "question", "answer", "image_source", "category"),
    known="as lmms-eval 75571cf reads it",
)


def read_copy(root: Path, samplings: tuple[str, ...]) -> Iterator[Sample]:
    """The questions of every split, split by split, as the label files have them.

    A picture is read from the first row that has it.
    """
    splits: dict[str, list[Row]] = {split: [] for split in samplings}
    for row in read_hub(root, "pope", HUB):
        if row.text("category") not in splits:
            raise DataError(f"{row.origin}: 'category' must be one of {', '.join(samplings)}")
        splits[row.text("category")].append(row)
    pictures: dict[str, Image] = {}
    for split, rows in splits.items():
        for row in rows:
            name = f"{row.text('image_source')}.jpg"
            image = pictures.setdefault(name, replace(row.image(), name=name))
            yield Sample(
                question_id=f"{split}/{row.identifier('question_id')}",
                prompt=Prompt.user(image, row.text("question") + SHORT_ANSWER),
                target=_label(row),
                groups={"split": split},
                cluster=name,
                origin=row.origin,
            )


def _label(row: Row) -> str:
    label = row.text("answer").strip().lower()
    if label not in ("yes", "no"):
        raise DataError(f"{row.origin}: 'answer' must be yes or no, got {label!r}")
    return label
