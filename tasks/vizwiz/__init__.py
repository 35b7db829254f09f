"""VizWiz-VQA: questions that blind people asked about their own pictures; many have no answer.

Gurari et al. 2018, arXiv 1802.08218. Data: val.json and test.json of the authors. Published
figures are of the test server; on val, LLaVA's upload goes through the challenge's evaluator,
which leaves the ten people's answers unprocessed. Licence: CC BY 4.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from lvlm_eval.answers.phrases import eval_ai_answer
from lvlm_eval.families.short_answer import (
    by_m4c,
    mean_scorer,
    percent_scorer,
    raw_by_vizwiz,
    raw_by_vqa,
    two_places,
    two_places_of_python_2,
    upload_by_vizwiz,
    upload_by_vqa,
    vqa_figures,
)
from lvlm_eval.families.splits import first_there
from lvlm_eval.schema import JSON, Decoding, Record, Sample, Task, Upload

from .files import HUB, SOURCES, samples_test, samples_val

AXES = {"answer_type": "perAnswerType"}
TYPES = tuple(f"answer_type/{kind}" for kind in ("yes/no", "number", "other", "unanswerable"))

challenge = partial(vqa_figures, AXES, two_places)
by_vqa = partial(vqa_figures, AXES, two_places_of_python_2)


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """As the challenge's evaluator prints, with the file that LLaVA uploads."""
    uploaded: list[JSON] = [
        {"image": r.sample.question_id, "answer": r.score.answer or ""} for r in records
    ]
    return {**challenge(records), "submitted": uploaded}


def entry(sample: Sample, text: str) -> Mapping[str, int | str]:
    """As LLaVA uploads: the answer after EvalAI's processor."""
    return {"image": sample.question_id, "answer": eval_ai_answer(text)}


SAMPLES = {"vizwiz_val": samples_val, "vizwiz_test": samples_test}
TASK = Task(
    name="vizwiz",
    version=1,
    title="VizWiz-VQA (accuracy)",
    decoding=Decoding(max_new_tokens=128),
    samples=first_there("vizwiz", SOURCES, SAMPLES),
    primary="vizwiz_api_on_llava_submission",
    variants={
        "vizwiz_api_on_llava_submission": percent_scorer(
            upload_by_vizwiz, "upload", official, tuple(AXES)
        ),
        "vizwiz_api_on_raw_text": percent_scorer(
            raw_by_vizwiz,
            "text",
            challenge,
            tuple(AXES),
            why="the answer goes to the evaluator as it is, without the upload's processing",
        ),
        "vqa_official_on_raw_text": percent_scorer(
            raw_by_vqa,
            "text",
            by_vqa,
            tuple(AXES),
            why="VQA's evaluator, which processes the ten people's answers too",
        ),
        "vqa_official_on_llava_submission": percent_scorer(
            upload_by_vqa,
            "upload",
            by_vqa,
            tuple(AXES),
            why="VQA's evaluator, which processes the ten people's answers too, on the upload",
        ),
        "lmms_eval": mean_scorer(
            by_m4c, "phrase", "exact_match", why="EvalAI's processor on both sides, always"
        ),
    },
    assurance="certified",
    hub=(HUB.place,),
    licence="CC BY 4.0",
    shown=TYPES,
    expected=("accuracy", *TYPES),
    upload=Upload("list", entry, "image", "answer"),
)
SPLITS: Mapping[str, Task] = {
    "vizwiz_val": replace(TASK, name="vizwiz_val", title="VizWiz-VQA val", samples=samples_val),
    "vizwiz_test": replace(
        TASK, name="vizwiz_test", title="VizWiz-VQA test (no answers)", samples=samples_test
    ),
}
