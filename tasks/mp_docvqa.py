"""MP-DocVQA: questions on documents of up to twenty pages, of which one holds the answer.

Tito et al. 2022, arXiv 2212.05935. Data: val.json of the RRC (challenge 17, task 4) and the pages
in images/. ANLS and accuracy as in the authors' framework; which page it is is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, read_array, require, unique
from lvlm_eval.families.anls import anls_scorers
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import Decoding, Image, Prompt, Sample, Task


def samples(root: Path) -> Iterator[Sample]:
    """The questions of val, each with all pages of its document."""
    path = require(root, "mp_docvqa", "mp_docvqa/val.json")
    pages = image_folder(root, "mp_docvqa/images")
    return unique(_sample(row, pages) for row in read_array(path, "data"))


def _sample(row: Row, pages: Path) -> Sample:
    images = (Image(inside(pages, f"{page}.jpg", row.origin)) for page in row.texts("page_ids"))
    answers = row.texts("answers")
    return Sample(
        question_id=row.identifier("questionId"),
        prompt=Prompt.user(*images, row.text("question") + SHORT_ANSWER),
        target=answers[0] if answers else None,
        facts={"answers": answers},
        cluster=row.identifier("doc_id"),
        origin=row.origin,
    )


_FRAMEWORK = anls_scorers(())["mp_docvqa_framework"]
TASK = Task(
    name="mp_docvqa",
    version=1,
    title="MP-DocVQA: documents of many pages (ANLS, val)",
    decoding=Decoding(max_new_tokens=32),
    samples=samples,
    primary="mp_docvqa_framework",
    variants={"mp_docvqa_framework": replace(_FRAMEWORK, why="")},
    assurance="checked",
    licence="terms of the Robust Reading Competition, challenge 17; pages of UCSF's library",
    shown=("accuracy",),
    expected=("anls", "accuracy"),
)
