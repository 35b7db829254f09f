"""ScienceQA's figures: accuracy in all, with an image, and by the authors' own break-down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvlm_eval.families.choice import accuracy
from lvlm_eval.families.counting import ACCURACY
from lvlm_eval.metrics import tally_values
from lvlm_eval.schema import JSON, Record, Tally

SUBJECTS = ("natural", "social", "language")
TOPICS = (
    "punctuation", "literacy-in-science", "verbs", "pronouns", "civics", "culture", "word-study",
    "economics", "physics", "units-and-measurement", "science-and-engineering-practices",
    "reading-comprehension", "global-studies", "grammar", "figurative-language", "us-history",
    "writing-strategies", "world-history", "reference-skills", "biology", "earth-science",
    "phonological-awareness", "capitalization", "chemistry", "vocabulary", "geography",
)  # fmt: skip
IMG_ACCURACY = "img_accuracy"
SHOWN = tuple(f"subject/{subject} science" for subject in ("natural", "social", "language"))
_GRADES = {
    "1-6": tuple(f"grade{year}" for year in range(1, 7)),
    "7-12": tuple(f"grade{year}" for year in range(7, 13)),
}


def names(record: Record) -> list[str]:
    """The means that a question goes into: the two of papers, and the axes of the authors' table.

    A question with hint and image counts in both rows of its context.
    """
    groups = record.sample.groups
    image = [IMG_ACCURACY] if groups["image"] == "with" else []
    context = [kind for kind in ("hint", "image") if groups[kind] == "with"] or ["none"]
    grades = [name for name, years in _GRADES.items() if groups["grade"] in years]
    rows = (*(f"context/{kind}" for kind in context), *(f"grade/{years}" for years in grades))
    return [ACCURACY, *image, f"subject/{groups['subject']}", *rows]


def tally(records: Sequence[Record]) -> Tally:
    """Sums for the means of `names`, and for a lenient reading of those with an image."""
    return tally_values(pair for record in records for pair in _values(record))


def _values(record: Record) -> Iterator[tuple[str, float]]:
    for name in names(record):
        yield name, record.score.values["correct"]
        if name == IMG_ACCURACY and "lenient" in record.score.values:
            yield f"lenient/{name}", record.score.values["lenient"]


def authors_table(records: Sequence[Record]) -> dict[str, JSON]:
    """As `tools/evaluate_acc.py` prints it: percent with two decimals, -1 where nothing is."""
    rows: dict[str, list[Record]] = {}
    for record in records:
        for name in (*names(record), f"topic/{record.sample.groups['topic']}"):
            rows.setdefault(name, []).append(record)
    table = {
        **{subject: f"subject/{subject} science" for subject in SUBJECTS},
        "has_text": "context/hint",
        "has_image": "context/image",
        "no_context": "context/none",
        "grade_1_6": "grade/1-6",
        "grade_7_12": "grade/7-12",
    }
    topics = {topic: f"topic/{topic}" for topic in TOPICS}
    return {
        **{f"acc_{name}": _percent(rows.get(row)) for name, row in table.items()},
        "acc_average": _percent(records),
        **{f"acc_{name}": _percent(rows.get(row)) for name, row in topics.items()},
    }


def _percent(records: Sequence[Record] | None) -> JSON:
    mean = accuracy(records or ())
    return -1 if mean is None else f"{100 * mean:.2f}"
