"""ScienceQA: multiple choice from school science, about half of it with a picture.

Lu et al. 2022, arXiv 2209.09513. Data: the authors' problems.json and pid_splits.json, test split.
Tables of vision-language models give the accuracy on the questions with an image (SQA-IMG), as
LLaVA's `eval_science_qa.py` reads the answers; `accuracy` is over all 4,241 questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lvlm_eval.answers.letters import science_letter, science_letter_of_lmms_eval
from lvlm_eval.data import unique
from lvlm_eval.families.choice import Marking, accuracy, score
from lvlm_eval.families.counting import ACCURACY
from lvlm_eval.metrics import means, per_item
from lvlm_eval.schema import JSON, Decoding, Record, Sample, Scorer, Task

from .breakdown import IMG_ACCURACY, SHOWN, authors_table, tally
from .files import HUB, read_samples


def samples(root: Path) -> Iterator[Sample]:
    """The questions of the test split; see `files.py` for where they may be."""
    return unique(read_samples(root))


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """As LLaVA's script prints it: a question without an answer is wrong, and has no image."""
    pictured = [r for r in _pictured(records) if r.response.finish != "error"]
    return {
        "metrics": {
            "total": len(records),
            "correct": _correct(records),
            "accuracy": _times_100(accuracy(records)),
            "printed_accuracy": _printed(accuracy(records)),
            "printed_img_accuracy": _printed(accuracy(pictured)),
            "img_correct": _correct(pictured),
            "img_total": len(pictured),
        },
        "per_item": per_item(records),
        "per_item_parsed": {r.sample.question_id: r.score.answer or "FAILED" for r in records},
    }


def official_table(records: Sequence[Record]) -> dict[str, JSON]:
    """As the authors' own script breaks the same marks down."""
    return {"metrics": authors_table(records)}


def official_lmms_eval(records: Sequence[Record]) -> dict[str, JSON]:
    """Its two tasks, with all questions and with those on images."""
    metrics = {"full": accuracy(records), "img": accuracy(_pictured(records))}
    return {
        "metrics": {f"exact_match_{name}": mean for name, mean in metrics.items()},
        "per_item": per_item(records),
    }


def _pictured(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.sample.groups["image"] == "with"]


def _correct(records: Sequence[Record]) -> int:
    return int(sum(record.score.values["correct"] for record in records))


def _times_100(mean: float | None) -> float | None:
    return None if mean is None else 100 * mean


def _printed(mean: float | None) -> str | None:
    return None if mean is None else f"{100 * mean:.2f}"


_LLAVA = Scorer(
    score=partial(score, Marking(science_letter, "LLaVA's three forms", lenient=True)),
    tally=tally,
    finish=means,
    headline=IMG_ACCURACY,
    official=official,
    scale=100.0,
    counts_missing=True,
)

TASK = Task(
    name="scienceqa",
    version=1,
    title="ScienceQA test (accuracy on questions with an image)",
    decoding=Decoding(max_new_tokens=1024),
    samples=samples,
    primary="moe_llava",
    variants={
        "moe_llava": _LLAVA,
        "official_repo_breakdown_of_moe_llava_parse": replace(
            _LLAVA, official=official_table, why="the same marking, in the authors' own table"
        ),
        "lmms_eval": replace(
            _LLAVA,
            score=partial(score, Marking(science_letter_of_lmms_eval, "letter, stripped")),
            official=official_lmms_eval,
            why="strips, takes letters in any case, and not The answer is",
            counts_missing=False,
        ),
    },
    assurance="certified",
    hub=(HUB.place,),
    licence="CC BY-NC-SA 4.0",
    shown=(ACCURACY, *SHOWN),
    expected=(IMG_ACCURACY, ACCURACY, *SHOWN),
)
