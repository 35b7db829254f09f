"""MathVista: mathematics in pictures, as options or as a number or list to be given.

Lu et al. 2024, arXiv 2310.02255. The authors have a language model extract what their rules
cannot; these are the rules alone, so figures are not those of their table. What the rules leave
over is counted as unparsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.metrics import means, or_none, per_item, tally_values
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
)  # fmt: skip

from .files import AXES, read_samples
from .rules import extract, normalise

Read = Callable[[str, Sample], str | None]


def score_extracted(sample: Sample, response: Response) -> Score:
    """The authors' pipeline with a language model that finds nothing."""
    extracted = extract(response.text, sample)
    return _score(sample, normalise(extracted or "", sample), extracted, "authors' rules")


def score_raw(sample: Sample, response: Response) -> Score:
    """Their normalisation of the whole answer, without extraction."""
    return _score(sample, normalise(response.text, sample), response.text, "whole answer")


def score_unless_empty(sample: Sample, response: Response) -> Score:
    """As `score_raw`, but an empty answer is no choice of options."""
    return _score(sample, _unless_empty(sample, response), response.text, "whole answer")


def _unless_empty(sample: Sample, response: Response) -> str | None:
    empty = bool(facts.texts(sample, "choices")) and not response.text.strip()
    return None if empty else normalise(response.text, sample)


def score_stripped(sample: Sample, response: Response) -> Score:
    """lmms-eval: as `score_raw`, white space around both sides left out of the comparison."""
    found = normalise(response.text, sample)
    right = str(found).strip() == facts.target_text(sample).strip()
    return Score({"correct": float(right)}, found, read="whole answer")


def _score(sample: Sample, found: str | None, read: str | None, how: str) -> Score:
    right = found is not None and found == facts.target_text(sample)
    return Score({"correct": float(right)}, found if read else None, read=how)


def tally(records: Sequence[Record]) -> Tally:
    """Sums for the mean of all, and of every row of every breakdown."""
    return tally_values((name, r.score.values["correct"]) for r in records for name in _rows(r))


def _rows(record: Record) -> list[str]:
    groups = record.sample.groups
    skills = [f"skills/{skill}" for skill in facts.texts(record.sample, "skills")]
    return ["accuracy", *(f"{axis}/{groups[axis]}" for axis in AXES if axis in groups), *skills]


def official(records: Sequence[Record]) -> dict[str, JSON]:
    found = {r.sample.question_id: normalise(r.response.text, r.sample) for r in records}
    return {**figures(records), "per_item_prediction": found}


def figures(records: Sequence[Record]) -> dict[str, JSON]:
    """Accuracy, and which answers are right."""
    correct = sum(record.score.values["correct"] for record in records)
    accuracy = or_none(means(tally(records)).get("accuracy", 0.0))
    return {
        "metrics": {"accuracy": accuracy, "correct": int(correct), "total": len(records)},
        "per_item": {question: bool(right) for question, right in per_item(records).items()},
    }


def official_unless_empty(records: Sequence[Record]) -> dict[str, JSON]:
    found = {r.sample.question_id: _unless_empty(r.sample, r.response) for r in records}
    return {**figures(records), "per_item_prediction": found}


def official_extracted(records: Sequence[Record]) -> dict[str, JSON]:
    """With what was extracted, and the questions that the language model would be asked about."""
    extracted = {r.sample.question_id: extract(r.response.text, r.sample) for r in records}
    found = {
        r.sample.question_id: normalise(extracted[r.sample.question_id] or "", r.sample)
        for r in records
    }
    return {
        **figures(records),
        "per_item_extraction": {question: text or "" for question, text in extracted.items()},
        "per_item_prediction": found,
        "needs_llm": [question for question, text in extracted.items() if text is None],
    }


EXTRACTED = Scorer(score_extracted, tally, means, "accuracy", official_extracted, scale=100.0)
VARIANTS: Mapping[str, Scorer] = {
    "official_quick_extract_no_llm": EXTRACTED,
    "official_normalize_on_raw_text": replace(
        EXTRACTED, score=score_raw, official=official, why="normalises the answer unextracted"
    ),
    "official_normalize_on_raw_text_ignore_empty": replace(
        EXTRACTED,
        score=score_unless_empty,
        official=official_unless_empty,
        why="the same, an empty answer chooses no option",
    ),
    "lmms_eval_normalize_on_raw_text": replace(
        EXTRACTED,
        score=score_stripped,
        official=figures,
        why="the same, compared without the white space around it",
    ),
}


def make_task(name: str, title: str, split: str) -> Task:
    def samples(root: Path) -> Iterator[Sample]:
        return read_samples(root, split)

    return Task(
        name=name,
        version=1,
        title=title,
        decoding=Decoding(max_new_tokens=1024),
        samples=samples,
        primary="official_quick_extract_no_llm",
        variants=VARIANTS,
        assurance="certified",
        licence="CC BY-SA 4.0; images of several sources",
        shown=("question_type/multi_choice", "question_type/free_form"),
        expected=("accuracy",),
    )


TASK = make_task("mathvista", "MathVista testmini, rules alone (accuracy)", "testmini")
SPLITS: Mapping[str, Task] = {
    "mathvista_testmini": make_task("mathvista_testmini", TASK.title, "testmini"),
    "mathvista_test": make_task("mathvista_test", "MathVista test (no answers)", "test"),
}
