"""A-OKVQA: questions that need outside knowledge, answered directly and by one of four choices.

Schwenk et al. 2022, arXiv 2206.01718. Data: aokvqa_v1p0_val.json; images: COCO 2017. The authors'
`eval_predictions.py` compares texts to the letter, a choice's too, so both are asked for in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.answers.letters import lenient_letter
from lvlm_eval.answers.phrases import eval_ai_answer
from lvlm_eval.data import image_folder, inside, read_array, unique
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.families.choice import lettered
from lvlm_eval.families.splits import Source, first_there
from lvlm_eval.metrics import means, or_none, tally_values
from lvlm_eval.prompts import SHORT_ANSWER
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
)

DIRECT, CHOICE = "direct_answer", "multiple_choice"
_SOURCES = {
    f"aokvqa_{split}": Source(
        tuple(f"aokvqa/{folder}aokvqa_v1p0_{split}.json" for folder in ("", "datasets/aokvqa/"))
    )
    for split in ("val", "test")
}


def read_samples(split: str, root: Path) -> Iterator[Sample]:
    """Each question twice: `<id>` wants a direct answer, `<id>/multiple_choice` a choice."""
    path = _SOURCES[split].find(root, "aokvqa")
    assert path is not None  # there is no copy on the Hub
    year = split.removeprefix("aokvqa_") + "2017"
    images = image_folder(root, f"coco/{year}", f"aokvqa/{year}")
    return unique(s for row in read_array(path) for s in _both(row, images))


def _both(row: Row, images: Path) -> Iterator[Sample]:
    question_id, question, choices = row.text("question_id"), row.text("question"), _choices(row)
    name = f"{row.integer('image_id'):012d}.jpg"
    image = Image(inside(images, name, row.origin))
    shared: dict[str, JSON] = {"choices": choices, "difficult": bool(_difficult(row))}
    direct = Sample(
        question_id=question_id,
        prompt=Prompt.user(image, question + SHORT_ANSWER),
        target=row.texts(f"{DIRECT}s") if row.get(f"{DIRECT}s") else None,
        facts=shared,
        groups={"kind": DIRECT},
        cluster=name,
        origin=row.origin,
    )
    yield direct
    yield replace(
        direct,
        question_id=f"{question_id}/{CHOICE}",
        prompt=Prompt.user(image, f"{question}\nChoices: {', '.join(choices)}.{SHORT_ANSWER}"),
        target=_right(row, choices),
        groups={"kind": CHOICE},
    )


def _choices(row: Row) -> list[str]:
    choices = row.texts("choices")
    if not choices:
        raise DataError(f"{row.origin}: 'choices' is empty")
    return choices


def _difficult(row: Row) -> bool:
    value = row.get("difficult_direct_answer")
    if not isinstance(value, bool):
        raise DataError(f"{row.origin}: 'difficult_direct_answer' must be true or false")
    return value


def _right(row: Row, choices: Sequence[str]) -> str | None:
    """The text of the right choice, None in the test split."""
    if row.get("correct_choice_idx") is None:
        return None
    position = row.integer("correct_choice_idx")
    if not 0 <= position < len(choices):
        raise DataError(
            f"{row.origin}: the right choice {position} is not among the {len(choices)} choices"
        )
    return choices[position]


def score(cleaned: Callable[[str], str], sample: Sample, response: Response) -> Score:
    """A direct answer by how many of ten people gave it, three are full marks; a choice by text."""
    answer = cleaned(response.text)
    if sample.groups["kind"] == DIRECT:
        people = facts.target_texts(sample)
        values = {
            "correct": min(1.0, people.count(answer) / 3),
            "lenient": min(1.0, people.count(eval_ai_answer(response.text)) / 3),
        }
        return Score(values, answer or None, "whole answer")
    options = lettered(facts.texts(sample, "choices"))
    letter = lenient_letter(response.text, options)
    meant = options[letter] if letter else None
    values = {
        "correct": float(answer == sample.target),
        "lenient": float(meant == sample.target),
    }
    return Score(values, answer or None, "whole answer")


def tally(records: Sequence[Record]) -> Tally:
    """Sums of both means; the authors leave the difficult questions out of the direct one."""
    return tally_values(pair for record in _counted(records) for pair in _values(record))


def _counted(records: Sequence[Record]) -> list[Record]:
    return [
        record
        for record in records
        if record.sample.groups["kind"] == CHOICE or not record.sample.facts["difficult"]
    ]


def _values(record: Record) -> Iterator[tuple[str, float]]:
    kind, values = record.sample.groups["kind"], record.score.values
    yield kind, values["correct"]
    yield f"lenient/{kind}", values["lenient"]


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """Both means in percent, and the items of each."""
    found = means(tally(records))
    items: dict[str, dict[str, JSON]] = {DIRECT: {}, CHOICE: {}}
    for record in _counted(records):
        name = record.sample.question_id.removesuffix(f"/{CHOICE}")
        items[record.sample.groups["kind"]][name] = record.score.values["correct"]
    return {
        "metrics": {kind: or_none(100 * found.get(kind, float("nan"))) for kind in items},
        "per_item_direct": items[DIRECT],
        "per_item_mc": items[CHOICE],
    }


def _scorer(cleaned: Callable[[str], str], why: str = "") -> Scorer:
    return Scorer(
        score=partial(score, cleaned),
        tally=tally,
        finish=means,
        headline=CHOICE,
        official=official,
        scale=100.0,
        why=why,
        counts_missing=True,
    )


_READERS = {split: partial(read_samples, split) for split in _SOURCES}

TASK = Task(
    name="aokvqa",
    version=1,
    title="A-OKVQA (accuracy of choices; direct answers beside)",
    decoding=Decoding(max_new_tokens=128),
    samples=first_there("aokvqa", _SOURCES, _READERS),
    primary="official_raw",
    variants={
        "official_raw": _scorer(str),
        "official_on_stripped_lowercase": _scorer(
            lambda text: text.strip().lower(), "strips and lower-cases the answer first"
        ),
        "official_on_m4c_processed": _scorer(
            eval_ai_answer, "puts the answer through EvalAI's processor first"
        ),
    },
    assurance="certified",
    licence="Apache-2.0; images of COCO under Flickr's terms",
    shown=(DIRECT, f"lenient/{DIRECT}"),
    expected=(CHOICE, DIRECT),
)
SPLITS: Mapping[str, Task] = {
    name: replace(TASK, name=name, title=f"A-OKVQA {name.removeprefix('aokvqa_')}", samples=read)
    for name, read in _READERS.items()
}
