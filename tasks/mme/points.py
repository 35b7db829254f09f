"""MME's points: accuracy over questions, the stricter one over images, and sums of sub-tests.

Fu et al. 2023, section 2.2. Whose reading of the answers is counted is the scorer's choice:
"correct" gives the plain names, any other item value the same figures under its own name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lvlm_eval import facts
from lvlm_eval.metrics import add_up, means, outcome, tally_values
from lvlm_eval.schema import Record, Tally

from .files import CATEGORIES, COGNITION, PERCEPTION

CELLS = ("tp", "fn", "tn", "fp")
_PREFIXES = {"correct": "", "lenient": "lenient/"}


def tally(records: Sequence[Record]) -> Tally:
    """Sums of an image: questions right, both of them right, and the cells of the readable.

    An image with an unanswered question counts in the accuracy but not among the pairs.
    """
    images: dict[str, list[Record]] = {}
    for record in records:
        images.setdefault(record.sample.cluster, []).append(record)
    return add_up(_of_image(image) for image in images.values())


def _of_image(records: Sequence[Record]) -> dict[str, float]:
    category = records[0].sample.groups["category"]
    sums = add_up(_cell(record) for record in records)
    for reading in records[0].score.values:
        marks = [record.score.values[reading] for record in records]
        named = [(f"{_PREFIXES[reading]}{category}/acc", mark) for mark in marks]
        if len(marks) == 2:
            named.append((f"{_PREFIXES[reading]}{category}/acc_plus", min(marks)))
        sums |= tally_values(named)
    return sums


def _cell(record: Record) -> dict[str, float]:
    """The cell of the confusion table that an answer falls in; `other` if it was not read."""
    answer, target = record.score.answer, facts.target_text(record.sample)
    cell = "other" if answer is None else outcome(answer, target)
    return {f"{record.sample.groups['category']}/{cell}": 1.0}


def finish(sums: Tally) -> dict[str, float]:
    """`perception` and `cognition`, then `<category>/{acc,acc_plus,score}` of those there are.

    acc and acc_plus from 0 to 1, scores to 200; the sums are over the categories of this copy
    of the data. Another reading than the headline's gives its sums only.
    """
    found = means(sums)
    strict = _scores(found, "")
    metrics = _sums(strict, "") | _sums(_scores(found, "lenient/"), "lenient/")
    for category, score in strict.items():
        metrics[f"{category}/acc"] = found[f"{category}/acc"]
        metrics[f"{category}/acc_plus"] = found.get(f"{category}/acc_plus", math.nan)
        metrics[f"{category}/score"] = score
    return metrics


def _scores(found: Mapping[str, float], prefix: str) -> dict[str, float]:
    """Points by category: 100 for every question right and 100 for every pair."""
    return {
        category: 100 * found[f"{prefix}{category}/acc"]
        + 100 * found.get(f"{prefix}{category}/acc_plus", math.nan)
        for category in CATEGORIES
        if f"{prefix}{category}/acc" in found
    }


def _sums(scores: Mapping[str, float], prefix: str) -> dict[str, float]:
    """The points of perception and of cognition, each if any of its categories is there."""
    halves = {"perception": PERCEPTION, "cognition": COGNITION}
    return {
        f"{prefix}{half}": sum(scores.get(category, 0.0) for category in categories)
        for half, categories in halves.items()
        if not scores.keys().isdisjoint(categories)
    }
