"""HallusionBench's figures: answers, and what is right as a whole, a figure or a question."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from lvlm_eval import facts
from lvlm_eval.metrics import ratio
from lvlm_eval.schema import Record, Tally

Key = Callable[[Record], tuple[str, ...]]


def key(*fields: str) -> Key:
    """What records must agree in to belong together, by the names of facts."""
    return lambda record: tuple(str(facts.text(record.sample, field)) for field in fields)


OF_QUESTION = key("category", "subcategory", "set_id", "question_id")
OF_FIGURE = key("category", "subcategory", "set_id", "figure_id")


def shares(records: Iterable[Record], of: Key) -> list[float]:
    """The share of right answers in each group."""
    groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for record in records:
        groups[of(record)].append(record.score.values["correct"])
    return [sum(marks) / len(marks) for marks in groups.values()]


def counted(name: str, found: Sequence[float]) -> dict[str, float]:
    """How many groups there are, and how many are right as a whole."""
    return {f"{name}|n": float(len(found)), f"{name}|right": float(found.count(1.0))}


def accuracy(sums: Tally, name: str) -> float:
    """In percent."""
    return 100 * ratio(sums.get(f"{name}|right", 0.0), sums.get(f"{name}|n", 0.0))


def tally(records: Sequence[Record]) -> Tally:
    """Counts of a set, whose figures and questions are all in one cluster."""
    altered = [r for r in records if facts.text(r.sample, "visual_input") == "2"]
    plain = [r for r in records if facts.text(r.sample, "visual_input") != "2"]
    figures = shares((r for r in records if not _without_figure(r)), OF_FIGURE)
    marks = [(r.score.values["correct"], r.sample.target == "1") for r in records]
    return {
        **counted("aAcc", [mark for mark, _ in marks]),
        **counted("qAcc", shares(records, OF_QUESTION)),
        **counted("easy_aAcc", shares(plain, OF_QUESTION)),
        **counted("hard_aAcc", shares(altered, OF_QUESTION)),
        "figures_correct": float(figures.count(1.0)),
        "figures_wrong": float(figures.count(0.0)),
        "figures_inconsistent": float(sum(0 < share < 1 for share in figures)),
        "figures_share": sum(figures),
        "truth_yes": float(sum(truth for _, truth in marks)),
        "as_truth": float(sum(bool(mark) == truth for mark, truth in marks)),
        "wrong": float(sum(not mark for mark, _ in marks)),
        "wrong_of_no": float(sum(not mark and not truth for mark, truth in marks)),
    }


def finish(sums: Tally) -> dict[str, float]:
    """Accuracies in percent, the rest as shares; the bias as the authors' script computes it."""
    figures = sum(sums.get(f"figures_{kind}", 0.0) for kind in ("correct", "wrong", "inconsistent"))
    questions = sums.get("aAcc|n", 0.0)
    excess = sums.get("as_truth", 0.0) - sums.get("truth_yes", 0.0)
    return {
        **{name: accuracy(sums, name) for name in ("aAcc", "qAcc", "easy_aAcc", "hard_aAcc")},
        "fAcc": 100 * ratio(sums.get("figures_correct", 0.0), figures),
        "figure_consistency": ratio(sums.get("figures_share", 0.0), figures),
        "yes_no_bias_pct_diff": excess / questions if questions else math.nan,
        "yes_no_bias_fp": ratio(sums.get("wrong_of_no", 0.0), sums.get("wrong", 0.0)),
    }


def _without_figure(record: Record) -> bool:
    return key("category", "figure_id")(record) == ("VS", "0")
