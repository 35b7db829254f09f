"""OK-VQA: questions about photographs that need knowledge from outside, answered in short.

Marino et al. 2019, arXiv 1906.00067. Data: the authors' files in the layout of VQA v1; five
people's answers, each twice, so one who agrees is worth 0.6 and two are full marks. The
evaluator is VQA's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lvlm_eval.data import Row, image_folder, require, unique
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.families.short_answer import (
    by_m4c,
    mean_scorer,
    percent_scorer,
    raw_by_vqa,
    two_places_of_python_2,
    upload_by_vqa,
    vqa_figures,
)
from lvlm_eval.families.splits import Source
from lvlm_eval.families.vqa_files import read_annotated, read_hub_annotated
from lvlm_eval.schema import Decoding, Sample, Task

HUB = HubTable(
    repositories=("lmms-lab/OK-VQA", "lmms-lab-encoder/OK-VQA"),
    split="val2014",
    columns=("question_id", "question", "answers", "question_type", "answer_type"),
)
SOURCE = Source(("okvqa/OpenEnded_mscoco_val2014_questions.json",), HUB)
AXES = {"answer_type": "perAnswerType", "question_type": "perQuestionType"}
CATEGORIES = (
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "other",
)


def samples(root: Path) -> Iterator[Sample]:
    """The questions of val2014, which is OK-VQA's test set."""
    questions = SOURCE.find(root, "okvqa")
    if questions is None:
        return unique(read_hub_annotated(read_hub(root, "okvqa", HUB), _image_id))
    annotations = require(root, "okvqa", "okvqa/mscoco_val2014_annotations.json")
    images = image_folder(root, "coco/val2014", "okvqa/val2014")
    return unique(read_annotated(questions, annotations, images))


def _image_id(row: Row) -> int:
    """A question's id is its picture's with one digit more."""
    return int(row.identifier("question_id")) // 10


official = partial(vqa_figures, AXES, two_places_of_python_2)
TASK = Task(
    name="okvqa",
    version=1,
    title="OK-VQA val2014 (accuracy)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="official_raw",
    variants={
        "official_raw": percent_scorer(raw_by_vqa, "text", official, tuple(AXES)),
        "m4c_processed_then_official": percent_scorer(
            upload_by_vqa,
            "upload",
            official,
            tuple(AXES),
            why="the answer goes through EvalAI's processor first, as LLaVA's uploads do",
        ),
        "lmms_eval": mean_scorer(
            by_m4c, "phrase", "exact_match", why="EvalAI's processor on both sides, always"
        ),
    },
    assurance="certified",
    hub=(HUB.place,),
    licence="CC BY 4.0; images of COCO under Flickr's terms",
    shown=tuple(f"question_type/{category}" for category in CATEGORIES),
    expected=("accuracy", *(f"question_type/{category}" for category in CATEGORIES)),
)
