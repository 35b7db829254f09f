"""VQAv2: short answers to questions about photographs, by agreement with ten people.

Goyal et al. 2017, arXiv 1612.00837; accuracy of Antol et al. 2015, arXiv 1505.00468. Data:
the official question and annotation files. Published figures are of test-dev, whose answers
only the server has; on val, LLaVA's own upload goes through the official evaluator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lvlm_eval.answers.phrases import EVAL_AI, VLMEVALKIT
from lvlm_eval.data import unique
from lvlm_eval.families.short_answer import (
    mean_scorer,
    normalised,
    percent_scorer,
    raw_by_vqa,
    two_places_of_python_2,
    upload_by_vqa,
    vqa_figures,
)
from lvlm_eval.families.splits import first_there
from lvlm_eval.schema import JSON, Decoding, Record, Sample, Task

from .files import HUB, TESTDEV, VAL, read_testdev, read_val
from .upload import UPLOAD

AXES = {"answer_type": "perAnswerType", "question_type": "perQuestionType"}
ANSWER_TYPES = ("answer_type/yes/no", "answer_type/number", "answer_type/other")


def samples_val(root: Path) -> Iterator[Sample]:
    """The questions of val2014; see `files.py` for where the files may be."""
    return unique(read_val(root))


def samples_testdev(root: Path) -> Iterator[Sample]:
    """The questions of test-dev2015, without targets."""
    return unique(read_testdev(root))


official = partial(vqa_figures, AXES, two_places_of_python_2)


def official_submission(records: Sequence[Record]) -> dict[str, JSON]:
    """As `official`, with the answers that are uploaded."""
    uploaded = {r.sample.question_id: r.score.answer or "" for r in records}
    return {**official(records), "submitted_answers": uploaded}


VARIANTS = {
    "llava_submission": percent_scorer(upload_by_vqa, "upload", official_submission, tuple(AXES)),
    "official_raw": percent_scorer(
        raw_by_vqa,
        "text",
        official,
        tuple(AXES),
        why="the answer goes to the evaluator as it is, without the upload's processing",
    ),
    "lmms_eval": mean_scorer(
        normalised(EVAL_AI),
        "phrase",
        "exact_match",
        why="normalises also where all ten people agree, and nothing is done to the text before",
    ),
    "vlmevalkit_vqa_score": mean_scorer(
        normalised(VLMEVALKIT),
        "phrase",
        "Overall",
        unit=100.0,
        why="normalises always, and keeps a period that has a digit on either side",
    ),
}


SOURCES = {"vqav2_val": VAL, "vqav2_testdev": TESTDEV}
SAMPLES = {"vqav2_val": samples_val, "vqav2_testdev": samples_testdev}
TASK = Task(
    name="vqav2",
    version=1,
    title="VQAv2 (accuracy)",
    decoding=Decoding(max_new_tokens=128),
    samples=first_there("vqav2", SOURCES, SAMPLES),
    primary="llava_submission",
    variants=VARIANTS,
    assurance="certified",
    hub=(HUB.place,),
    licence="CC BY 4.0 (annotations); images of COCO under Flickr's terms",
    shown=ANSWER_TYPES,
    expected=("accuracy", *ANSWER_TYPES),
    upload=UPLOAD,
)
SPLITS: Mapping[str, Task] = {
    "vqav2_val": replace(
        TASK, name="vqav2_val", title="VQAv2 val2014 (accuracy)", samples=samples_val
    ),
    "vqav2_testdev": replace(
        TASK,
        name="vqav2_testdev",
        title="VQAv2 test-dev2015 (no answers)",
        samples=samples_testdev,
    ),
}
