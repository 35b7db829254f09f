"""MMMU's marks: the authors' rules for letters and open answers, and their averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from lvlm_eval import facts
from lvlm_eval.answers.candidates import Candidate, any_matches, normalised, open_candidates
from lvlm_eval.answers.letters import letter_of_mmmu
from lvlm_eval.families.choice import accuracy
from lvlm_eval.families.counting import Counting, counted
from lvlm_eval.families.counting import tally as tally_counts
from lvlm_eval.metrics import means, tally_values
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Tally

from .files import DOMAINS

AXES = ("domain", "subject", "question_type")
WITHOUT_DRAWS = "accuracy_without_draws"
SEED = 42  # the authors', set once before all subjects
_COUNTING = Counting(AXES)


def score(sample: Sample, response: Response) -> Score:
    """A letter that is found, what drawing one gives on average, or an open answer."""
    options = facts.options(sample)
    if not options:
        return _score_open(sample, response)
    letter = letter_of_mmmu(response.text, options)
    if letter is None:
        return Score({"correct": 1 / len(options), "drawn": 1.0}, None, "none; a draw's average")
    right = float(letter == sample.target)
    return Score({"correct": right, "drawn": 0.0}, letter, "letter, or the text of an option")


def _score_open(sample: Sample, response: Response) -> Score:
    accepted: list[Candidate] = [
        one for text in facts.target_texts(sample) for one in normalised(text)
    ]
    found = open_candidates(response.text)
    right = float(any_matches(found, accepted))
    said = " | ".join(sorted({str(one) for one in found}))
    return Score({"correct": right, "drawn": 0.0}, said or None, "texts and numbers in the answer")


def drawn(record: Record) -> bool:
    """Whether the authors' code would draw the answer's letter."""
    return bool(record.score.values["drawn"])


def tally(records: Sequence[Record]) -> Tally:
    """Sums for accuracy, its break-downs, and accuracy over the answers that were found."""
    found = [r.score.values["correct"] for r in records if not drawn(r)]
    return {
        **tally_counts(_COUNTING, records),
        **tally_values((WITHOUT_DRAWS, correct) for correct in found),
    }


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """As the authors' code has it, draws included, with the draws' ids and no mark for those."""
    by_subject: dict[str, list[Record]] = {}
    for record in records:
        by_subject.setdefault(record.sample.groups["subject"], []).append(record)
    random = Random(SEED)  # noqa: S311 the authors' own draws
    marks = {subject: [_draw(r, random) for r in some] for subject, some in by_subject.items()}
    found = [r for some in by_subject.values() for r in some if not drawn(r)]
    domains = {d: [s for s in subjects if s in marks] for d, subjects in DOMAINS.items()}
    return {
        "metrics": {
            "per_subject": {s: sum(some) / len(some) for s, some in marks.items()},
            "per_domain": {
                f"Overall-{d}": _mean({s: marks[s] for s in subjects})
                for d, subjects in domains.items()
                if subjects
            },
            "overall": _mean(marks),
            "accuracy_without_random_items": accuracy(found),
            "n_without_random_items": len(found),
        },
        "per_item": {r.sample.question_id: r.score.values["correct"] for r in found},
        "per_item_parsed": {r.sample.question_id: _parsed(r) for r in found},
        "random_fallback_ids": [
            r.sample.question_id for some in by_subject.values() for r in some if drawn(r)
        ],
    }


def _parsed(record: Record) -> JSON:
    """The letter, or the candidates of an open answer as sorted texts."""
    if facts.options(record.sample):
        return record.score.answer
    return sorted({str(one) for one in open_candidates(record.response.text)})


def _draw(record: Record, random: Random) -> float:
    if not drawn(record):
        return record.score.values["correct"]
    letters = list(facts.options(record.sample))
    return float(random.choice(letters) == record.sample.target)


def _mean(marks: dict[str, list[float]]) -> float:
    """Over questions, from the subjects' means, to three decimals: as the code adds it up."""
    total = 0.0
    for some in marks.values():
        total += sum(some) / len(some) * len(some)
    return round(total / sum(map(len, marks.values())), 3)


OFFICIAL = replace(counted(score, _COUNTING), tally=tally, finish=means, official=official)
