"""HallusionBench: does a model read the figure, or say what it knows of figures like it?

Guan et al. 2024, arXiv 2310.14566. Answers are judged. Beside single answers (aAcc) it counts
whether all questions on a figure (fAcc) and a question on all figures of its set (qAcc) are right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.data import unique
from lvlm_eval.judging import replies_to
from lvlm_eval.metrics import or_none
from lvlm_eval.schema import (
    JSON,
    Decoding,
    Prompt,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Task,
)  # fmt: skip

from .figures import finish, tally
from .files import read_samples
from .foreign import FOREIGN

EXACT = "vlmevalkit_exact_matching_visual_only"
_QUESTION = (
    "Imagine you are an intelligent teacher. Thoroughly read the question, reference answer and "
    "the prediction answer to ensure a clear understanding of the information provided. Assess the "
    "correctness of the predictions. If the prediction answer does not conflict with the reference "
    "answer, please generate “correct”. If the prediction answer conflict with the reference "
    "answer, please generate “incorrect”. If the prediction answer is unclear about the answer, "
    'please generate "unclear". \n\n Question:{}\nReference answer: {}\nPrediction answer:{}\n'
    "Output:"
)


def samples(root: Path) -> Iterator[Sample]:
    return unique(read_samples(root))


def judge(sample: Sample, response: Response) -> Prompt:
    """What the authors' script asks; it reads the reply for the word correct or incorrect."""
    details = facts.text(sample, "details")
    return Prompt.user(_QUESTION.format(sample.prompt.text, details, response.text))


def score(sample: Sample, response: Response) -> Score:
    """Right where the judge says correct; unclear is right as well where there is no figure."""
    said = [reply for run in replies_to(sample) for reply in run]
    verdict = read_verdict(said[0] if said else "")
    without_figure = facts.text(sample, "figure_id") == "0" and _category(sample) == "VS"
    right = verdict == "correct" or (verdict is None and without_figure)
    return Score({"correct": float(right)}, verdict, read="judge")


def read_verdict(reply: str) -> str | None:
    """ "incorrect" or else "correct" anywhere in a judge's reply, None where it is unclear."""
    return next((word for word in ("incorrect", "correct") if word in reply.lower()), None)


def _category(sample: Sample) -> str:
    return sample.groups["category"]


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """As the authors' script counts: five accuracies with four decimals, bias, consistency."""
    sums = tally(records)
    found = finish(sums)
    accuracies = ("aAcc", "qAcc", "fAcc", "easy_aAcc", "hard_aAcc")
    kinds = ("correct", "inconsistent", "wrong")
    figures = {kind: int(sums.get(f"figures_{kind}", 0)) for kind in kinds}
    consistency: dict[str, JSON] = {
        **figures,
        "total": sum(figures.values()),
        "score": or_none(found["figure_consistency"]),
    }
    return {
        "metrics": {
            **{name: or_none(round(found[name], 4)) for name in accuracies},
            "yes_no_bias_pct_diff": or_none(found["yes_no_bias_pct_diff"]),
            "yes_no_bias_fp": or_none(found["yes_no_bias_fp"]),
            "figure_consistency": consistency,
            "total_questions": len(records),
        },
        "per_item": {r.sample.question_id: int(r.score.values["correct"]) for r in records},
    }


TASK = Task(
    name="hallusionbench",
    version=1,
    title="HallusionBench: figures and what is made up about them (aAcc, by a judge)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="official_with_recorded_judge",
    variants={
        "official_with_recorded_judge": Scorer(score, tally, finish, "aAcc", official),
        **FOREIGN,
    },
    assurance="certified",
    licence="BSD-3-Clause",
    shown=("fAcc", "qAcc", "easy_aAcc", "hard_aAcc"),
    expected=("aAcc", "fAcc", "qAcc"),
    judge=judge,
)
SPLITS: Mapping[str, Task] = {
    "hallusionbench_exact": replace(
        TASK,
        name="hallusionbench_exact",
        title="HallusionBench without a judge: yes or no as a word, questions with a figure",
        primary=EXACT,
        variants=FOREIGN,
        shown=("aAcc", "fAcc", "qAcc"),
        expected=("aAcc", "fAcc", "qAcc"),
        judge=None,
    )
}
