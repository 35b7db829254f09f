"""GQA's figures: accuracy by kind of question, distribution, consistency, validity, plausibility.

All are functions of sums over clusters. Definitions: Hudson and Manning 2019, section 4.4, and
the authors' `eval.py`, whose units (percent) are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from lvlm_eval import facts
from lvlm_eval.metrics import add_up, ratio, tally_values, totals
from lvlm_eval.schema import Record, Tally

_GOLD, _PREDICTED = "gold\t", "predicted\t"
# Item values that need the choices file, and what the script calls them.
_CHOICES = {"valid": "validity", "plausible": "plausibility"}


def tally(records: Sequence[Record]) -> Tally:
    """Sums of an image's balanced questions: each figure's values, and answers by global group."""
    balanced = [record for record in records if record.sample.facts["balanced"]]
    named = [pair for record in balanced for pair in _values(record)]
    sums = tally_values([*named, *_consistencies(balanced, records)])
    if any("inferred" in record.sample.facts for record in balanced):
        sums.setdefault("consistency|n", 0.0)  # known to be measured, even if nothing was right
    return add_up([sums, *(_histograms(record) for record in balanced)])


def _values(record: Record) -> Iterator[tuple[str, float]]:
    """What a question adds to which means."""
    values, groups = record.score.values, record.sample.groups
    kind = "open" if groups["structural"] == "query" else "binary"
    rows = (
        *(f"{axis}/{groups[axis]}" for axis in ("structural", "semantic")),
        *(f"{axis}/{facts.number(record.sample, axis)}" for axis in ("steps", "words")),
    )
    for name in ("accuracy", kind, *rows):
        yield name, values["correct"]
    for value, name in _CHOICES.items():
        if value in values:
            yield name, values[value]


def _consistencies(
    balanced: Sequence[Record], records: Sequence[Record]
) -> Iterator[tuple[str, float]]:
    """For each question answered right, the accuracy over those that its answer settles."""
    correct = {r.sample.question_id: r.score.values["correct"] for r in records}
    for record in balanced:
        if not record.score.values["correct"] or "inferred" not in record.sample.facts:
            continue
        inferred = facts.texts(record.sample, "inferred")
        marks = [correct[other] for other in inferred if other in correct]
        if marks:
            yield "consistency", sum(marks) / len(marks)


def _histograms(record: Record) -> dict[str, float]:
    """The true and the given answer, counted in the question's global group if it has one."""
    group = facts.text(record.sample, "global")
    if group is None:
        return {}
    true, given = facts.target_text(record.sample), record.score.answer or ""
    return {f"{_GOLD}{group}\t{true}": 1.0, f"{_PREDICTED}{group}\t{given}": 1.0}


def finish(sums: Tally) -> dict[str, float]:
    """Percent by name; `distribution` is a chi-square statistic over 100, lower is better."""
    metrics = {name: 100 * ratio(total, count) for name, (total, count) in totals(sums).items()}
    return {**metrics, "distribution": _distribution(sums) / 100}


def _distribution(sums: Tally) -> float:
    """Chi-square of given against true answers in each global group, weighted by its questions.

    Given answers that are true nowhere in their group do not enter.
    """
    groups: dict[str, list[tuple[float, float]]] = {}
    for key, true in sums.items():
        if key.startswith(_GOLD) and true:
            place = key.removeprefix(_GOLD)
            given = sums.get(_PREDICTED + place, 0.0)
            groups.setdefault(place.partition("\t")[0], []).append((true, given))
    weighted, questions = 0.0, 0.0
    for answers in groups.values():
        size = sum(true for true, _ in answers)
        weighted += size * sum((given - true) ** 2 / true for true, given in answers)
        questions += size
    return weighted / questions if questions else math.nan
