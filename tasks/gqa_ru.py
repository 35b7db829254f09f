"""GQA in Russian: the questions of testdev_balanced, translated by deepvk.

Hudson and Manning 2019, arXiv 1902.09506. Data: the Hub's deepvk/GQA-ru, questions in one
configuration and the pictures they share in another, as lmms-eval's `gqa_ru` reads it. Marked as
there: equal without case and without punctuation; nothing is stripped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from string import punctuation

from lvlm_eval.data import unique
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.errors import DataError
from lvlm_eval.families.counting import Counting, counted
from lvlm_eval.families.exact import score_exact
from lvlm_eval.schema import Decoding, Prompt, Sample, Task

INSTRUCTION = "\nОтветь одним словом."
QUESTIONS = HubTable(
    repositories=("deepvk/GQA-ru",),
    split="testdev",
    columns=("id", "imageId", "question", "answer"),
    pictures=(),
    config="testdev_balanced_instructions",
    known="as lmms-eval's gqa_ru reads it",
)
PICTURES = replace(
    QUESTIONS, columns=("id",), pictures=("image",), config="testdev_balanced_images"
)
_WITHOUT_MARKS = str.maketrans("", "", punctuation)


def samples(root: Path) -> Iterator[Sample]:
    """The questions in their order, each with its picture."""
    return unique(_read(root))


def _read(root: Path) -> Iterator[Sample]:
    questions = list(read_hub(root, "gqa_ru", QUESTIONS))
    pictures = {
        row.identifier("id"): replace(row.image(), name=f"{row.identifier('id')}.jpg")
        for row in read_hub(root, "gqa_ru", PICTURES)
    }
    for row in questions:
        image_id = row.identifier("imageId")
        if image_id not in pictures:
            raise DataError(f"{row.origin}: no picture has the id {image_id!r}")
        yield Sample(
            question_id=row.identifier("id"),
            prompt=Prompt.user(pictures[image_id], row.text("question") + INSTRUCTION),
            target=row.text("answer"),
            facts={"answers": [row.text("answer")]},
            cluster=image_id,
            origin=row.origin,
        )


def bare(text: str) -> str:
    """In lower case, without ASCII's punctuation."""
    return text.lower().translate(_WITHOUT_MARKS)


TASK = Task(
    name="gqa_ru",
    version=1,
    title="GQA in Russian, testdev_balanced (accuracy)",
    decoding=Decoding(max_new_tokens=16),
    samples=samples,
    primary="lmms_eval",
    variants={"lmms_eval": counted(score_exact(bare, "whole answer"), Counting())},
    hub=(QUESTIONS.place, PICTURES.place),
    licence="Apache-2.0, unverified; pictures under their sources' terms",
    expected=("accuracy",),
)
