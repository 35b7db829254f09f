"""NLVR2: is a sentence true of two photographs?

Suhr et al. 2019, arXiv 1811.00491. Data: the authors' test1.json or dev.json, an object a line;
pictures `<split>-<set>-<pair>-img0.png` and `-img1.png` in images/. Marked as their `metrics.py`:
the whole answer must be the label. A sentence is consistent if it is judged rightly of every pair
of its set.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.data import Row, image_folder, inside, read_jsonl, require, unique
from lvlm_eval.errors import DataError
from lvlm_eval.families.counting import Counting, counted
from lvlm_eval.schema import Decoding, Image, Prompt, Response, Sample, Score, Task

INSTRUCTION = "\nIs this true of the two pictures? Answer with True or False."
FILES = ("nlvr2/test1.json", "nlvr2/dev.json")


def samples(root: Path) -> Iterator[Sample]:
    """The sentences of the file, in its order, each about two pictures."""
    folder = image_folder(root, "nlvr2/images", "nlvr2")
    return unique(_sample(row, folder) for row in read_jsonl(require(root, "nlvr2", *FILES)))


def _sample(row: Row, folder: Path) -> Sample:
    """The id is `<split>-<set>-<pair>-<sentence>`; a set's pairs share its sentences."""
    question_id, label = row.identifier("identifier"), row.text("label")
    parts = question_id.split("-")
    if len(parts) != 4 or label.lower() not in ("true", "false"):
        raise DataError(
            f"{row.origin}: 'identifier' must have four parts and 'label' be True or False, "
            f"got {question_id!r} and {label!r}"
        )
    names = ("-".join([*parts[:3], f"img{n}.png"]) for n in (0, 1))
    return Sample(
        question_id=question_id,
        prompt=Prompt.user(
            *(Image(inside(folder, name, row.origin)) for name in names),
            row.text("sentence") + INSTRUCTION,
        ),
        target=label.lower(),
        facts={"sentence": f"{parts[0]}-{parts[1]}-{parts[3]}"},
        cluster=f"{parts[0]}-{parts[1]}",
        origin=row.origin,
    )


def score(sample: Sample, response: Response) -> Score:
    """The answer up to a comma, in any case: the authors read it from a table with commas."""
    answer = response.text.strip().partition(",")[0].lower()
    readable = answer in ("true", "false")
    correct = float(answer == facts.target_text(sample))
    return Score({"correct": correct}, answer if readable else None, "whole answer")


TASK = Task(
    name="nlvr2",
    version=1,
    title="NLVR2: statements about two photographs (accuracy)",
    decoding=Decoding(max_new_tokens=16),
    samples=samples,
    primary="authors",
    variants={"authors": counted(score, Counting(together="sentence"))},
    assurance="checked",
    licence="CC BY 4.0 (sentences); photographs under their owners' terms, for research",
    shown=("together",),
    expected=("accuracy", "together"),
)
