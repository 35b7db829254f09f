"""POPE: is the object in the image? Yes/no questions that catch object hallucination.

Li et al. 2023, arXiv 2305.10355, section 5. Data: coco_pope_<split>.json of the authors'
repository (one JSON object a line); images: COCO val2014. The commit that LLaVA points to has
2,910 random questions, the current one 3,000: figures over the two are not quite comparable.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from lvlm_eval import facts
from lvlm_eval.answers.yes_no import yes_no_in_first_sentence
from lvlm_eval.data import unique
from lvlm_eval.metrics import add_up, binary, or_none, outcome, per_item
from lvlm_eval.schema import (
    JSON,
    Decoding,
    Metrics,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Tally,
    Task,
)

from .files import SAMPLINGS, read_samples
from .hub import HUB
from .variants import FOREIGN

logger = logging.getLogger(__name__)

CELLS = ("tp", "fp", "tn", "fn")
EDITIONS = {
    2910: "the edition that LLaVA points to (2,910 random questions, 8,910 in all)",
    3000: "the current edition (3,000 random questions, 9,000 in all)",
}
FIGURES = ("accuracy", "precision", "recall", "f1", "yes_ratio")


def samples(root: Path) -> Iterator[Sample]:
    """The questions of the splits that are there; see `files.py` for where they may be.

    Says which edition it is, where the number of random questions tells.
    """
    found = tuple(unique(read_samples(root)))
    random = sum(sample.groups["split"] == "random" for sample in found)
    if random in EDITIONS:
        logger.info("pope: %s", EDITIONS[random])
    return iter(found)


def score(sample: Sample, response: Response) -> Score:
    """The authors' rule reads a yes or a no out of any text."""
    answer = yes_no_in_first_sentence(response.text)
    correct = float(answer == facts.target_text(sample))
    return Score({"correct": correct}, answer, read="first sentence")


def tally(records: Sequence[Record]) -> Tally:
    """Counts `<split>/<cell>` of one image, which may have questions in every split."""
    return add_up(
        {f"{r.sample.groups['split']}/{outcome(r.score.answer, facts.target_text(r.sample))}": 1.0}
        for r in records
    )


def finish(sums: Tally) -> dict[str, float]:
    """`<split>/<figure>` of each split there is, and the means over splits that tables print."""
    figures = {split: binary(**cells) for split, cells in _cells(sums).items()}
    metrics = {f"{split}/{name}": v for split, row in figures.items() for name, v in row.items()}
    if figures:
        metrics["mean_f1"] = fmean(row["f1"] for row in figures.values())
        metrics["mean_accuracy"] = fmean(row["accuracy"] for row in figures.values())
    return metrics


def _cells(sums: Tally) -> dict[str, dict[str, float]]:
    """The confusion table of each split that this copy of the data has."""
    splits = {
        split: {cell: sums.get(f"{split}/{cell}", 0.0) for cell in CELLS} for split in SAMPLINGS
    }
    return {
        split: cells
        for split, cells in splits.items()
        if any(f"{split}/{cell}" in sums for cell in CELLS)
    }


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """As MoE-LLaVA's `eval_pope.py` prints it, with the means that its table gives."""
    sums = tally(records)
    metrics = finish(sums)
    sizes = {split: int(sum(cells.values())) for split, cells in _cells(sums).items()}
    printed = _printed(sums, metrics, f1_name="f1_score")
    return {
        "metrics": {
            **{split: {"samples": sizes[split], **row} for split, row in printed.items()},
            "mean_f1_over_categories": or_none(metrics["mean_f1"]),
            "mean_accuracy_over_categories": or_none(metrics["mean_accuracy"]),
        },
        "per_item": per_item(records),
        "per_item_parsed": {r.sample.question_id: r.score.answer for r in records},
    }


def official_evaluate_py(records: Sequence[Record]) -> dict[str, JSON]:
    """As the authors' `evaluate.py` prints it, once a split."""
    sums = tally(records)
    return {"metrics": _printed(sums, finish(sums), f1_name="f1")}


def _printed(sums: Tally, metrics: Metrics, f1_name: str) -> dict[str, dict[str, JSON]]:
    """Cells and figures of each split; the scripts get no F1 without a true positive."""
    rows: dict[str, dict[str, JSON]] = {}
    for split, cells in _cells(sums).items():
        rows[split] = {
            **{cell.upper(): int(count) for cell, count in cells.items()},
            **{name: or_none(metrics[f"{split}/{name}"]) for name in FIGURES if name != "f1"},
            f1_name: or_none(metrics[f"{split}/f1"]) if cells["tp"] else None,
        }
    return rows


LLAVA = Scorer(
    score=score,
    tally=tally,
    finish=finish,
    headline="mean_f1",
    official=official,
    scale=100.0,
)

TASK = Task(
    name="pope",
    version=1,
    title="POPE: object hallucination by polling (mean F1 of the three splits)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="moe_llava_per_category",
    variants={
        "moe_llava_per_category": LLAVA,
        "official_evaluate_py": replace(
            LLAVA, official=official_evaluate_py, why="the same marking, printed a split at a time"
        ),
        **FOREIGN,
    },
    assurance="certified",
    hub=(HUB.place,),
    licence="MIT (questions); images of COCO under Flickr's terms",
    shown=(*(f"{split}/f1" for split in SAMPLINGS), "mean_accuracy"),
    expected=(
        *(f"{split}/{figure}" for split in SAMPLINGS for figure in FIGURES),
        "mean_f1",
        "mean_accuracy",
    ),
)
