"""What VQAv2's server on EvalAI wants: every id of test2015, the unasked ones blank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lvlm_eval.answers.phrases import eval_ai_answer
from lvlm_eval.data import read_array, read_jsonl, require
from lvlm_eval.schema import Sample, Upload

IDS = (
    "vqav2/v2_OpenEnded_mscoco_test2015_questions.json",
    "vqav2/llava_vqav2_mscoco_test2015.jsonl",
)


def entry(sample: Sample, text: str) -> Mapping[str, int | str]:
    """As LLaVA uploads: the answer after EvalAI's processor."""
    return {"question_id": int(sample.question_id), "answer": eval_ai_answer(text)}


def blanks(root: Path) -> Iterator[Mapping[str, int | str]]:
    """All questions of test2015, of which test-dev is a part, in their file's order."""
    path = require(root, "vqav2", *IDS)
    rows = read_jsonl(path) if path.suffix == ".jsonl" else read_array(path, "questions")
    return ({"question_id": row.integer("question_id"), "answer": ""} for row in rows)


UPLOAD = Upload("list", entry, "question_id", "answer", blanks)
