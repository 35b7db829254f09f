"""MMStar: 1,500 multiple-choice questions that cannot be answered without the picture.

Chen et al. 2024, arXiv 2403.20330. Data: the authors' MMStar.tsv, or Lin-Chen/MMStar, split val.
The authors' script divides by the full size whatever was asked; here shares are of what was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.answers.letters import Options, letter_at_start, letter_or_text, ranked_letter
from lvlm_eval.data import locate, unique
from lvlm_eval.data_hub import HubTable
from lvlm_eval.data_row import Row
from lvlm_eval.data_tsv import read_tsv
from lvlm_eval.families.choice import Marking, accuracy, offered, scorer
from lvlm_eval.families.counting import ACCURACY, MEAN_OF
from lvlm_eval.families.hub_split import picture, split_rows
from lvlm_eval.metrics import per_item
from lvlm_eval.prompts import OPTION_LETTER
from lvlm_eval.schema import JSON, Decoding, Prompt, Record, Sample, Task

TABLE = HubTable(
    ("Lin-Chen/MMStar",), "val", ("index", "question", "answer", "category", "l2_category")
)
AXES = ("category", "l2_category")
_SIZE, _CATEGORY_SIZE = 1500, 250
_OPTION = re.compile(r"\b([A-D]): (.*?)(?=,? [A-D]: |$)", re.DOTALL)


def samples(root: Path) -> Iterator[Sample]:
    """The questions in their order."""
    path = locate(root, "mmstar/MMStar.tsv")
    rows = read_tsv(path) if path else split_rows(root, "mmstar", TABLE)
    return unique(_sample(row, root) for row in rows)


def _sample(row: Row, root: Path) -> Sample:
    question, index = row.text("question"), row.identifier("index")
    options = _options(question)
    return Sample(
        question_id=index,
        # lmms-eval's words: LLaVA's without the period
        prompt=Prompt.user(picture(row, root, "mmstar", index), question + OPTION_LETTER[:-1]),
        target=offered(row.text("answer"), options, row.origin),
        facts={"options": options},
        groups={axis: row.text(axis) for axis in AXES},
        origin=row.origin,
    )


def _options(question: str) -> Options:
    """The options that the question lists behind "Options:"; without texts where it has none."""
    listed = question.partition("Options:")[2]
    return dict.fromkeys("ABCD", "") | {a: text.strip() for a, text in _OPTION.findall(listed)}


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """What the script counts, as counts and share of what was asked."""
    return {
        "metrics": {"correct": _right(records), "total": len(records), ACCURACY: accuracy(records)},
        "per_item": per_item(records),
    }


def official_raw(records: Sequence[Record]) -> dict[str, JSON]:
    """As the script prints it: in all and by category over the full size, by l2 over the asked."""
    metrics: dict[str, JSON] = {"final score": _right(records) / _SIZE}
    for category, some in _by("category", records).items():
        metrics[category] = _right(some) / _CATEGORY_SIZE
        for name, few in _by("l2_category", some).items():
            metrics[f"{category}({name})"] = accuracy(few)
    return {"metrics": metrics}


def official_lmms_eval(records: Sequence[Record]) -> dict[str, JSON]:
    """The mean over the 18 finer categories."""
    means = [accuracy(some) or 0.0 for some in _by("l2_category", records).values()]
    return {"metrics": {"average_of_l2": sum(means) / len(means)}, "per_item": per_item(records)}


def _by(axis: str, records: Sequence[Record]) -> dict[str, list[Record]]:
    rows: dict[str, list[Record]] = {}
    for record in records:
        rows.setdefault(record.sample.groups[axis], []).append(record)
    return rows


def _right(records: Sequence[Record]) -> int:
    return int(sum(record.score.values["correct"] for record in records))


_AUTHORS = replace(
    scorer(Marking(letter_at_start, "letter at the start"), ACCURACY, AXES), official=official
)
_LMMS = Marking(ranked_letter, "the best placed letter")
_VLMEVALKIT = Marking(letter_or_text, "letter, or the text of an option")

TASK = Task(
    name="mmstar",
    version=1,
    title="MMStar (accuracy)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="official_correct_counts",
    variants={
        "official_correct_counts": _AUTHORS,
        "official_raw_output": replace(
            _AUTHORS, official=official_raw, why="the same marking, over the full size"
        ),
        "lmms_eval": replace(
            scorer(_LMMS, ACCURACY, AXES, why="ranks letters by place, mean over fine categories"),
            headline=MEAN_OF + "l2_category",
            official=official_lmms_eval,
        ),
        "vlmevalkit_exact_matching": scorer(
            _VLMEVALKIT, "Overall", why="finds a letter among words, and the text of an option"
        ),
    },
    assurance="certified",
    hub=(TABLE.place,),
    licence="none given by the authors",
    shown=(MEAN_OF + "category",),
    expected=(ACCURACY,),
)
