"""VQAv2: short answers to questions about photographs, by agreement with ten people.

Goyal et al. 2017, arXiv 1612.00837; accuracy of Antol et al. 2015, arXiv 1505.00468. Data:
the official question and annotation files. Published figures are of test-dev, whose answers
only the server has; on val, LLaVA's own upload goes through the official evaluator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.answers.phrases import as_compared, eval_ai_answer
from lvlm_eval.data import unique
from lvlm_eval.metrics import half_up, or_none, ratio, tally_values, totals, vqa_accuracy
from lvlm_eval.schema import (
    JSON,
    Decoding,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Tally,
    Task,
)

from .files import read_testdev, read_val, split_at
from .variants import FOREIGN

ANSWER_TYPES = ("answer_type/yes/no", "answer_type/number", "answer_type/other")

logger = logging.getLogger(__name__)


def samples(root: Path) -> Iterator[Sample]:
    """Val where its questions are, else test-dev, whose answers cannot be marked here."""
    split = f"vqav2_{split_at(root)}"
    logger.info("vqav2 stands for %s: that is what %s has", split, root)
    return SPLITS[split].samples(root)


def samples_val(root: Path) -> Iterator[Sample]:
    """The questions of val2014; see `files.py` for where the files may be."""
    return unique(read_val(root))


def samples_testdev(root: Path) -> Iterator[Sample]:
    """The questions of test-dev2015, without targets."""
    return unique(read_testdev(root))


def score_submission(sample: Sample, response: Response) -> Score:
    """What LLaVA uploads, the answer after EvalAI's processor, marked by the official evaluator.

    The processor is not idempotent with the evaluator: "x-ray" is uploaded as "x ray" and
    misses ten people who all say "x-ray".
    """
    submitted = eval_ai_answer(response.text)
    readable = bool(response.text.strip())
    return Score(_accuracy(sample, submitted), submitted if readable else None, read="upload")


def score_raw(sample: Sample, response: Response) -> Score:
    """The answer as it is, marked by the official evaluator."""
    readable = bool(response.text.strip())
    return Score(_accuracy(sample, response.text), response.text if readable else None, read="text")


def _accuracy(sample: Sample, answer: str) -> Mapping[str, float]:
    return {"correct": vqa_accuracy(*as_compared(answer, facts.texts(sample, "answers")))}


def tally(records: Sequence[Record]) -> Tally:
    """Sums of the accuracies of one image's questions, in all and by type."""
    return tally_values(
        (name, record.score.values["correct"]) for record in records for name in _names(record)
    )


def _names(record: Record) -> tuple[str, ...]:
    groups = record.sample.groups
    return ("accuracy", *(f"{axis}/{groups[axis]}" for axis in ("answer_type", "question_type")))


def finish(sums: Tally) -> dict[str, float]:
    """Mean accuracies in percent: `accuracy`, `answer_type/<type>`, `question_type/<type>`."""
    return {name: ratio(100 * total, count) for name, (total, count) in totals(sums).items()}


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """As the official evaluator has it: percent with two decimals, in all, by type, by item."""
    metrics = {name: or_none(half_up(v, 2)) for name, v in finish(tally(records)).items()}
    by_type: dict[str, JSON] = {
        official_name: {
            name.removeprefix(axis): value
            for name, value in metrics.items()
            if name.startswith(axis)
        }
        for official_name, axis in (
            ("perAnswerType", "answer_type/"),
            ("perQuestionType", "question_type/"),
        )
    }
    return {
        "metrics": {"overall": metrics["accuracy"], **by_type},
        "per_item": {
            r.sample.question_id: half_up(100 * r.score.values["correct"], 2) for r in records
        },
    }


def official_submission(records: Sequence[Record]) -> dict[str, JSON]:
    """As `official`, with the answers that are uploaded."""
    uploaded = {r.sample.question_id: r.score.answer or "" for r in records}
    return {**official(records), "submitted_answers": uploaded}


_SUBMISSION = Scorer(
    score=score_submission,
    tally=tally,
    finish=finish,
    headline="accuracy",
    official=official_submission,
)


def _task(name: str, title: str, read: Callable[[Path], Iterator[Sample]]) -> Task:
    return Task(
        name=name,
        version=1,
        title=title,
        decoding=Decoding(max_new_tokens=128),
        samples=read,
        primary="llava_submission",
        variants={
            "llava_submission": _SUBMISSION,
            "official_raw": replace(
                _SUBMISSION,
                score=score_raw,
                official=official,
                why="the answer goes to the evaluator as it is, without the upload's processing",
            ),
            **FOREIGN,
        },
        assurance="certified",
        licence="CC BY 4.0 (annotations); images of COCO under Flickr's terms",
        shown=ANSWER_TYPES,
        expected=("accuracy", *ANSWER_TYPES),
    )


SPLITS: Mapping[str, Task] = {
    "vqav2_val": _task("vqav2_val", "VQAv2 val2014 (accuracy)", samples_val),
    "vqav2_testdev": _task("vqav2_testdev", "VQAv2 test-dev2015 (no answers)", samples_testdev),
}
TASK = _task("vqav2", "VQAv2 (accuracy)", samples)
