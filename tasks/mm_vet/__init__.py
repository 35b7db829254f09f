"""MM-Vet: open answers that need several abilities at once, marked from 0 to 1 by a judge.

Yu et al. 2023, arXiv 2308.02490. The paper's judge is gpt-4-0613, asked five times; MoE-LLaVA asks
it once. A question counts wholly for each ability that it needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from lvlm_eval import facts
from lvlm_eval.data import Row, image_folder, inside, locate, read_mapping, require
from lvlm_eval.data_hub import HubTable, locate_hub, read_hub
from lvlm_eval.judging import replies_to
from lvlm_eval.metrics import means, tally_values
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
    Upload,
)  # fmt: skip

from .prompt import judge

ABILITIES = ("rec", "ocr", "know", "gen", "spat", "math")
READ = 5  # replies of a run that are read; the script asks a sixth time and looks no more
_HUB = HubTable(
    repositories=("lmms-lab/MMVet", "lmms-lab-encoder/MMVet"),
    split="test",
    columns=("question_id", "question", "answer", "capability"),
)
_FOLDERS = ("mm_vet", "mm-vet", "mm-vet/mm-vet")


def samples(root: Path) -> Iterator[Sample]:
    """The questions of mm-vet.json or the Hub's; LLaVA's answer files go by their numbers."""
    places = [f"{folder}/mm-vet.json" for folder in _FOLDERS]
    if locate(root, *places) is None and locate_hub(root, "mm_vet", _HUB):
        for row in read_hub(root, "mm_vet", _HUB):
            abilities = row.text("capability").split(",")
            yield _sample(row, row.identifier("question_id"), row.image(), abilities)
        return
    images = image_folder(root, *(f"{folder}/images" for folder in _FOLDERS))
    for question_id, row in read_mapping(require(root, "mm_vet", *places)):
        picture = Image(inside(images, row.text("imagename"), row.origin))
        yield _sample(row, question_id, picture, row.texts("capability"))


def _sample(row: Row, question_id: str, picture: Image, needed: Iterable[str]) -> Sample:
    abilities = sorted(set(needed))
    return Sample(
        question_id=question_id,
        # model_vqa hands pictures to the tower's processor as they are
        prompt=Prompt.user(picture, row.text("question"), padded=False),
        target=row.text("answer"),
        facts={"abilities": abilities},
        groups={"abilities": "_".join(abilities)},
        cluster=picture.name,
        aliases=(question_id.removeprefix("v1_"),),
        origin=row.origin,
    )


def mark(replies: Sequence[str]) -> float | None:
    """The number from 0 to 1 that the first of the replies starts with that does, None without."""
    found = (_number(reply.split(" ")[0].strip()) for reply in replies[:READ])
    return next((value for value in found if 0 <= value <= 1), None)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def score_of(runs: int | None) -> Callable[[Sample, Response], Score]:
    """Marking by so many of the judge's runs, all without a number."""

    def score(sample: Sample, response: Response) -> Score:
        """The judge's mark, the mean of its runs; a run without a readable mark counts 0."""
        marks = [mark(replies) for replies in replies_to(sample)[:runs]]
        values = {f"run{number}": found or 0.0 for number, found in enumerate(marks)}
        read = None if None in marks else ", ".join(f"{found:g}" for found in marks)
        return Score({"correct": fmean(values.values()), **values}, read, read="judge")

    return score


def tally(records: Sequence[Record]) -> Tally:
    """Sums for the mean marks: of all, by ability, by set of abilities, and of each run."""
    return tally_values(pair for record in records for pair in _rows(record))


def _rows(record: Record) -> list[tuple[str, float]]:
    abilities = facts.texts(record.sample, "abilities")
    names = ["total", *abilities, f"abilities/{record.sample.groups['abilities']}"]
    values = dict(record.score.values)
    mean = values.pop("correct")
    return [*((name, mean) for name in names), *((f"runs/{k}", v) for k, v in values.items())]


def finish(sums: Tally) -> dict[str, float]:
    """Mean marks in percent; `std` is the spread of the runs' totals."""
    found = {name: 100 * value for name, value in means(sums).items()}
    runs = [found.pop(name) for name in sorted(found) if name.startswith("runs/")]
    centre = fmean(runs) if runs else math.nan
    spread = fmean((run - centre) ** 2 for run in runs) if runs else math.nan
    return {**found, "std": math.sqrt(spread)}


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """Both tables of the evaluator, rounded as NumPy rounds, and each question's marks."""
    sums = tally(records)
    found = finish(sums)
    runs = [value for name, value in sorted(means(sums).items()) if name.startswith("runs/")]
    whole: dict[str, JSON] = {
        "total": _rounded(found["total"]),
        "std": _rounded(found["std"]),
        "runs": [_rounded(100 * run) for run in runs],
    }
    sets = {name.removeprefix("abilities/"): v for name, v in found.items() if "/" in name}
    single = {name: found[name] for name in ABILITIES if name in found}
    return {
        "metrics": {
            "capability": {**{k: _rounded(v) for k, v in single.items()}, **whole},
            "capability_integration": {**{k: _rounded(v) for k, v in sets.items()}, **whole},
        },
        "per_item": {r.sample.question_id: _marks(r) for r in records},
    }


def _marks(record: Record) -> JSON:
    marks = [value for name, value in record.score.values.items() if name.startswith("run")]
    return marks[0] if len(marks) == 1 else marks


def _rounded(value: float) -> float:
    import numpy as np

    return float(np.round(value, 1))


def entry(sample: Sample, text: str) -> Mapping[str, int | str]:
    """What the authors' online evaluator takes: the answer as it is, by the question's id."""
    return {"id": sample.question_id, "answer": text}


ONE_RUN = Scorer(score_of(1), tally, finish, "total", official)
VARIANTS: Mapping[str, Scorer] = {
    "moe_llava_1run": ONE_RUN,
    "official_evaluator_3runs": replace(
        ONE_RUN, score=score_of(None), why="the mean of all of the judge's runs, not of the first"
    ),
}

TASK = Task(
    name="mm_vet",
    version=1,
    title="MM-Vet: open answers, marked by a judge (mean mark)",
    decoding=Decoding(max_new_tokens=1024),
    samples=samples,
    primary="moe_llava_1run",
    variants=VARIANTS,
    assurance="certified",
    licence="Apache-2.0 (questions); images CC BY-NC and others",
    shown=ABILITIES,
    expected=("total", *ABILITIES),
    judge=judge,
    upload=Upload("mapping", entry, "id", "answer"),
)
