"""Figures from answers and targets, as pure functions; sums first, so that clusters add up.

A figure that has no value (a share of nothing) is NaN here. Whose text was read how is
`answers.py`'s business; intervals are `stats.py`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Literal

from lvlm_eval.schema import JSON, Record, Tally

Outcome = Literal["tp", "fp", "tn", "fn"]

_COUNT, _TOTAL = "|n", "|sum"


def add_up(tallies: Iterable[Tally]) -> dict[str, float]:
    """The sum of tallies, key by key."""
    sums: dict[str, float] = {}
    for tally in tallies:
        for key, value in tally.items():
            sums[key] = sums.get(key, 0.0) + value
    return sums


def tally_values(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Count and total of each named value, as keys `<name>|n` and `<name>|sum`.

    Added from left to right, as the official scripts' Python did: the built-in sum of newer
    Pythons compensates, which can tip a figure over the edge that it is rounded at.
    """
    sums: dict[str, float] = {}
    for name, value in values:
        counted, total = _keys(name)
        sums[counted] = sums.get(counted, 0.0) + 1.0
        sums[total] = sums.get(total, 0.0) + value
    return sums


def tally_named(name: str, values: Sequence[float]) -> dict[str, float]:
    """As `tally_values` of values that all go by one name."""
    if not values:
        return {}
    total = 0.0
    for value in values:
        total += value
    return dict(zip(_keys(name), (float(len(values)), total), strict=True))


@lru_cache(maxsize=1 << 14)
def _keys(name: str) -> tuple[str, str]:
    return name + _COUNT, name + _TOTAL


def totals(sums: Tally) -> dict[str, tuple[float, float]]:
    """Total and count of each value that `tally_values` summed, by name."""
    return {
        (name := key[: -len(_COUNT)]): (sums.get(_keys(name)[1], 0.0), count)
        for key, count in sums.items()
        if key.endswith(_COUNT)
    }


def means(sums: Tally) -> dict[str, float]:
    """The mean of each value that `tally_values` summed; NaN where nothing was counted."""
    return {name: ratio(total, count) for name, (total, count) in totals(sums).items()}


def tally_correct(records: Sequence[Record]) -> dict[str, float]:
    """Sums for the mean of the items' "correct"."""
    return tally_named("correct", [record.score.values["correct"] for record in records])


def ratio(part: float, whole: float) -> float:
    """Their quotient; NaN for a share of nothing."""
    return part / whole if whole else math.nan


def outcome(answer: str | None, target: str, positive: str = "yes") -> Outcome:
    """The cell of the confusion table; an answer that is not the positive one is negative."""
    if answer == positive:
        return "tp" if target == positive else "fp"
    return "fn" if target == positive else "tn"


def binary(tp: float, fp: float, tn: float, fn: float) -> dict[str, float]:
    """Accuracy, precision, recall, F1 and the share of positive answers, all 0 to 1.

    Precision is NaN if nothing was called positive, recall if nothing is, F1 in both cases.
    """
    total = tp + fp + tn + fn
    precision, recall = ratio(tp, tp + fp), ratio(tp, tp + fn)
    return {
        "accuracy": ratio(tp + tn, total),
        "precision": precision,
        "recall": recall,
        "f1": harmonic_mean(precision, recall),
        "yes_ratio": ratio(tp + fp, total),
    }


def harmonic_mean(first: float, second: float) -> float:
    """Of two numbers from 0 on: 0 if both are 0, NaN if one has no value."""
    return 0.0 if first == second == 0 else 2 * first * second / (first + second)


def vqa_accuracy(answer: str, annotators: Sequence[str]) -> float:
    """How well an answer agrees with the annotators, 0 to 1 (Antol et al. 2015, section 4.1).

    Each annotator is left out in turn: three agreeing others are full marks, the mean counts.
    All texts as the evaluator compares them (`answers.as_compared`).
    """
    matching = annotators.count(answer)
    if matching == 0 or matching > 3:
        return float(matching > 0)
    return _partly_agreed(tuple(other == answer for other in annotators))


@lru_cache
def _partly_agreed(agrees: tuple[bool, ...]) -> float:
    """The mean over the annotators, of whom up to three agree with the answer."""
    matching, total = sum(agrees), 0.0
    for one in agrees:  # from left to right, for the reason given in tally_values
        total += min(1.0, (matching - one) / 3)
    return total / len(agrees)


def half_up(value: float, places: int) -> float:
    """Rounded as Python 2 did, the language of the VQA evaluator: ties away from zero."""
    if math.isnan(value):
        return value
    exact = Decimal(value)
    return float(exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP))


def or_none(value: float) -> float | None:
    """The value, None for NaN: JSON has no word for it."""
    return None if math.isnan(value) else value


def or_zero(value: float) -> float:
    """The value, 0 for NaN, for the scripts that call a share of nothing zero."""
    return 0.0 if math.isnan(value) else value


def per_item(records: Iterable[Record], scale: float = 1.0) -> Mapping[str, JSON]:
    """Each item's "correct" times the scale, by question id."""
    return {r.sample.question_id: scale * r.score.values["correct"] for r in records}
