"""NaturalBench: two pictures and two questions, whose answers change with the picture.

Li et al. 2024, arXiv 2410.14669. Marked as the authors' `naturalbench_vqa.py`: the first of yes
and no (or A and B) as a word. A group of four is right (G-Acc) only as a whole; a question (Q-Acc)
on both pictures, a picture (I-Acc) under both questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.answers.openings import first_of_two
from lvlm_eval.data import unique
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.metrics import means, or_none, per_item, tally_values
from lvlm_eval.schema import (
    JSON,
    Decoding,
    Prompt,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Tally,
    Task,
)

SUFFIXES = {
    "yes_no": "Please answer Yes or No.",
    "multiple_choice": "Please output the letter corresponding to the correct option.",
}
WORDS = {"yes_no": ("Yes", "No"), "multiple_choice": ("A", "B")}
CELLS = [(question, image) for question in (0, 1) for image in (0, 1)]
HUB = HubTable(
    ("BaiqiL/NaturalBench",),
    "train",
    (
        *("Index", "Question_0", "Question_1", "Question_Type"),
        *(f"Image_{image}_Question_{question}" for question, image in CELLS),
    ),
    pictures=("Image_0", "Image_1"),
    known="as the authors' naturalbench_vqa.py reads it",
)


def samples(root: Path) -> Iterator[Sample]:
    """Four questions a row: `<Index>/q<question>i<picture>`."""
    return unique(s for row in read_hub(root, "naturalbench", HUB) for s in _four(row))


def _four(row: Row) -> Iterator[Sample]:
    group, kind = row.identifier("Index"), row.text("Question_Type")
    if kind not in SUFFIXES:
        raise DataError(f"{row.origin}: 'Question_Type' must be one of {', '.join(SUFFIXES)}")
    for question, image in CELLS:
        target = row.text(f"Image_{image}_Question_{question}")
        if target not in WORDS[kind]:
            raise DataError(f"{row.origin}: an answer must be one of {WORDS[kind]}, got {target!r}")
        text = row.text(f"Question_{question}") + SUFFIXES[kind]
        yield Sample(
            question_id=f"{group}/q{question}i{image}",
            prompt=Prompt.user(row.image(f"Image_{image}"), text),
            target=target,
            facts={"question": question, "image": image},
            groups={"type": kind},
            cluster=group,
            origin=row.origin,
        )


def score(sample: Sample, response: Response) -> Score:
    """The first of the two words, in any case; neither is wrong."""
    answer = first_of_two(response.text, *WORDS[sample.groups["type"]])
    return Score({"correct": float(answer == sample.target)}, answer, "first of the two words")


def tally(records: Sequence[Record]) -> Tally:
    """Sums of one group: each answer, each question and picture that is complete, the whole."""
    return tally_values(_values(records))


def _values(records: Sequence[Record]) -> Iterator[tuple[str, float]]:
    right = {
        (facts.number(r.sample, "question"), facts.number(r.sample, "image")): (
            r.score.values["correct"]
        )
        for r in records
    }
    yield from (("acc", correct) for correct in right.values())
    for which, name in enumerate(("q_acc", "i_acc")):
        for value in (0, 1):
            pair = [right[cell] for cell in CELLS if cell[which] == value and cell in right]
            if len(pair) == 2:
                yield name, min(pair)
    if len(right) == len(CELLS):
        yield "g_acc", min(right.values())


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """The authors' four scores."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.sample.cluster, []).append(record)
    figures = means(tally_values(pair for group in groups.values() for pair in _values(group)))
    names = {"q_acc": "Q_Acc", "i_acc": "I_Acc", "acc": "Acc", "g_acc": "G_Acc"}
    metrics: dict[str, JSON] = {names[name]: or_none(value) for name, value in figures.items()}
    return {"metrics": metrics, "per_item": per_item(records)}


SCORER = Scorer(score, tally, means, headline="g_acc", official=official, scale=100.0)
TASK = Task(
    name="naturalbench",
    version=1,
    title="NaturalBench: pairs of pictures and questions (share of groups all right)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="authors",
    variants={"authors": SCORER},
    assurance="checked",
    hub=(HUB.place,),
    licence="Apache-2.0, unverified; pictures of Flickr30k and DOCCI under their terms",
    shown=("q_acc", "i_acc", "acc"),
    expected=("g_acc", "q_acc", "i_acc", "acc"),
)
