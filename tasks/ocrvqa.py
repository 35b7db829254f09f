"""OCR-VQA: who wrote this book, what is its title, its genre? Asked of photographed covers.

Mishra et al. 2019, ICDAR, "OCR-VQA: Visual Question Answering by Reading Text in Images". Data:
the authors' dataset.json, an object from cover to its questions and answers; split 3 is the test.
Marked as VLMEvalKit does: equal without case and without white space around.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lvlm_eval.data import Row, image_folder, inside, read_mapping, require, unique
from lvlm_eval.errors import DataError
from lvlm_eval.families.counting import Counting, counted
from lvlm_eval.families.exact import score_exact
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import Decoding, Image, Prompt, Sample, Task

_TEST = 3


def samples(root: Path) -> Iterator[Sample]:
    """The questions of the test split, cover by cover in the file's order.

    A question's id is the cover's and its place among the cover's questions, from 0 on.
    """
    covers = read_mapping(require(root, "ocrvqa", "ocrvqa/dataset.json"))
    folder = image_folder(root, "ocrvqa/images", "ocr_vqa/images")
    tested = ((key, row) for key, row in covers if row.integer("split") == _TEST)
    return unique(sample for key, row in tested for sample in _asked(key, row, folder))


def _asked(key: str, row: Row, folder: Path) -> Iterator[Sample]:
    """A cover's picture is called like it, with the ending that its address has."""
    questions, answers = row.texts("questions"), row.texts("answers")
    if len(questions) != len(answers):
        raise DataError(
            f"{row.origin}: {len(questions)} 'questions' and {len(answers)} 'answers'; which "
            "belongs to which cannot be told"
        )
    ending = PurePosixPath(row.text("imageURL")).suffix
    image = Image(inside(folder, key + ending, row.origin))
    for place, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        yield Sample(
            question_id=f"{key}/{place}",
            prompt=Prompt.user(image, question + SHORT_ANSWER),
            target=answer,
            facts={"answers": [answer]},
            cluster=key,
            origin=row.origin,
        )


def folded(text: str) -> str:
    """In lower case, without white space around."""
    return text.strip().lower()


TASK = Task(
    name="ocrvqa",
    version=1,
    title="OCR-VQA test: questions about book covers (accuracy)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="vlmevalkit",
    variants={"vlmevalkit": counted(score_exact(folded, "whole answer"), Counting())},
    licence="unknown; covers under their owners' terms",
    expected=("accuracy",),
)
