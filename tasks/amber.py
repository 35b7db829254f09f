"""AMBER: hallucination in existence, attributes and relations, asked by yes/no questions.

Wang et al. 2023, arXiv 2311.07397; the discriminative part, whose figures need no tagger or word
vectors. The positive class is "no": what counts is to see that something is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.answers.yes_no import first_yes_no, only_yes_or_no
from lvlm_eval.data import image_folder, inside, read_rows, require, unique
from lvlm_eval.errors import DataError
from lvlm_eval.metrics import add_up, means, ratio, tally_values
from lvlm_eval.schema import (
    JSON,
    Decoding,
    Image,
    Prompt,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Tally,
    Task,
)  # fmt: skip

KINDS = {
    "discriminative-hallucination": "existence",
    "discriminative-attribute-state": "state",
    "discriminative-attribute-number": "number",
    "discriminative-attribute-action": "action",
    "discriminative-relation": "relation",
    "relation": "relation",
}
ATTRIBUTES = ("state", "number", "action")
# Row of the table: the script's own spelling, and the kinds of question it pools.
ROWS = {
    "all": ("Descriminative Task", ("existence", *ATTRIBUTES, "relation")),
    "existence": ("Exsitence", ("existence",)),
    "attribute": ("Attribute", ATTRIBUTES),
    "state": ("State", ("state",)),
    "number": ("Number", ("number",)),
    "action": ("Action", ("action",)),
    "relation": ("Relation", ("relation",)),
}
FIGURES = {"accuracy": "Accuracy", "precision": "Precision", "recall": "Recall", "f1": "F1"}
SLIP = 0.001  # what every counter of the script starts from instead of 0
READINGS = ("", "lenient/")

Reader = Callable[[str], str | None]


def samples(root: Path) -> Iterator[Sample]:
    """The discriminative questions; a question's truth is found by its id's place, from 1 on."""
    places = [f"amber/{name}" for name in ("annotations.json", "data/annotations.json")]
    truths = list(read_rows(require(root, "amber", *places)))
    asked = [f"amber/{folder}query_discriminative.json" for folder in ("", "data/query/")]
    queries = require(root, "amber", *asked)
    images = image_folder(root, "amber/image", "amber/images")

    def read() -> Iterator[Sample]:
        for row in read_rows(queries):
            number = row.integer("id")
            if not 1 <= number <= len(truths) or truths[number - 1].integer("id") != number:
                raise DataError(f"{row.origin}: annotations.json has no id {number} at that place")
            truth = truths[number - 1]
            kind, answer = KINDS.get(truth.text("type")), truth.text("truth")
            if kind is None or answer not in ("yes", "no"):
                raise DataError(f"{truth.origin}: no known 'type' with a 'truth' of yes or no")
            picture = Image(inside(images, row.text("image"), row.origin))
            yield Sample(
                question_id=str(number),
                prompt=Prompt.user(picture, row.text("query")),
                target=answer,
                groups={"kind": kind},
                cluster=row.text("image"),
                origin=row.origin,
            )

    return unique(read())


def exactly(text: str) -> str | None:
    """The authors' reading: the answer is Yes or No, to the letter."""
    return text.lower() if text in ("Yes", "No") else None


def capitalised(text: str) -> str | None:
    """The same of a text without white space around it and periods behind it, capitalised."""
    return exactly(text.strip().rstrip(".").capitalize())


def scorer(read: Reader, why: str = "") -> Scorer:
    """The authors' figures over what a reader makes of the answers."""

    def score(sample: Sample, response: Response) -> Score:
        answer, target = read(response.text), facts.target_text(sample)
        lenient = first_yes_no(response.text)
        values = {
            "correct": float(answer == target),
            "no": float(answer == "no"),
            "lenient/correct": float(lenient == target),
            "lenient/no": float(lenient == "no"),
        }
        return Score(values, answer, read=read.__name__)

    return Scorer(score, tally, finish, "all/f1", official, why=why)


def tally(records: Sequence[Record]) -> Tally:
    """Per kind of question: how many, how many of truth no; per reading: right ones and noes."""
    return add_up(_counted(record) for record in records)


def _counted(record: Record) -> dict[str, float]:
    kind, is_no = record.sample.groups["kind"], facts.target_text(record.sample) == "no"
    counts = {f"{kind}/n": 1.0, f"{kind}/no": float(is_no)}
    for reading in READINGS:
        right, said_no = (record.score.values[reading + name] for name in ("correct", "no"))
        counts |= {
            f"{reading}{kind}/right": right,
            f"{reading}{kind}/said_no": said_no,
            f"{reading}{kind}/no_right": right * is_no,
        }
    return counts


def finish(sums: Tally) -> dict[str, float]:
    """`<row>/<figure>` in percent, of the rows whose questions are there, for both readings."""
    rows = [row for row, (_, kinds) in ROWS.items() if any(f"{kind}/n" in sums for kind in kinds)]
    return {
        f"{reading}{row}/{figure}": value
        for reading in READINGS
        for row in rows
        for figure, value in _figures(sums, row, reading).items()
    }


def _figures(sums: Tally, row: str, reading: str) -> dict[str, float]:
    """As the script computes and rounds them, F1 from what was rounded before."""
    kinds = ROWS[row][1]
    slip = SLIP * (len(kinds) if row == "attribute" else 1)  # attributes add up three counters

    def share(part: str, whole: str) -> float:
        of = reading if whole == "said_no" else ""
        parts = sum(sums.get(f"{reading}{kind}/{part}", 0.0) for kind in kinds)
        count = sum(sums.get(f"{of}{kind}/{whole}", 0.0) for kind in kinds)
        return round(parts / (count + slip) * 100, 1)

    precision, recall = share("no_right", "said_no"), share("no_right", "no")
    p, r, guard = precision / 100, recall / 100, 0.001 if row == "existence" else 0.0001
    return {
        "accuracy": share("right", "n"),
        "precision": precision,
        "recall": recall,
        "f1": round(2 * p * r / (p + r + guard) * 100, 1),
    }


def official(records: Sequence[Record]) -> dict[str, JSON]:
    sums = tally(records)
    rows: dict[str, JSON] = {
        spelt: {FIGURES[name]: value for name, value in _figures(sums, row, "").items()}
        for row, (spelt, _) in ROWS.items()
    }
    return {"metrics": rows}


def tally_groups(records: Sequence[Record]) -> Tally:
    return tally_values((_group(r), r.score.values["correct"]) for r in records)


def _group(record: Record) -> str:
    kind = record.sample.groups["kind"]
    return "Attribute" if kind in ATTRIBUTES else kind.capitalize()


def finish_groups(sums: Tally) -> dict[str, float]:
    """VLMEvalKit: accuracy of each group in percent, and their mean, each counting alike."""
    groups = {name: 100 * value for name, value in sorted(means(sums).items())}
    return groups | {"Avg ACC": ratio(sum(groups.values()), len(groups))}


def official_groups(records: Sequence[Record]) -> dict[str, JSON]:
    return {"metrics": finish_groups(tally_groups(records))}


VARIANTS: Mapping[str, Scorer] = {
    "official_raw": scorer(exactly),
    "official_on_stripped_capitalised": scorer(
        capitalised, why="forgives white space, final periods and letter case"
    ),
    "vlmevalkit_exact_matching": replace(
        scorer(only_yes_or_no, why="yes or no as a word anywhere; the mean of three accuracies"),
        tally=tally_groups,
        finish=finish_groups,
        headline="Avg ACC",
        official=official_groups,
    ),
}

TASK = Task(
    name="amber",
    version=1,
    title="AMBER, discriminative part: hallucination by yes/no questions (F1 of no, all questions)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="official_raw",
    variants=VARIANTS,
    assurance="certified",
    licence="see the authors' repository; images of several sources",
    shown=("all/accuracy", "lenient/all/f1", "existence/f1", "attribute/f1", "relation/f1"),
    expected=tuple(f"{row}/{figure}" for row in ROWS for figure in FIGURES),
)
