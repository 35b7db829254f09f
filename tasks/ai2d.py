"""AI2D: multiple choice about diagrams from science books of primary school.

Kembhavi et al. 2016, arXiv 1603.07396. Data: lmms-lab/ai2d, split test, 3,088 questions, whose
diagrams have their labels masked by letters. No scorer was published; tables stand on lmms-eval's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.answers.letters import before_period, letter_after_filter, letter_or_text
from lvlm_eval.data import unique
from lvlm_eval.data_hub import HubTable
from lvlm_eval.data_row import Row
from lvlm_eval.families.choice import (
    Marking,
    lettered,
    listed,
    offered,
    official_mean,
    scorer,
)
from lvlm_eval.families.counting import ACCURACY
from lvlm_eval.families.hub_split import picture, split_rows
from lvlm_eval.prompts import OPTION_LETTER
from lvlm_eval.schema import JSON, Decoding, Prompt, Record, Sample, Task

TABLE = HubTable(
    ("lmms-lab/ai2d", "lmms-lab-encoder/ai2d"), "test", ("question", "options", "answer")
)


def samples(root: Path) -> Iterator[Sample]:
    """The questions in their order; ids are positions from 0 on, for the rows have none."""
    rows = enumerate(split_rows(root, "ai2d", TABLE))
    return unique(_sample(row, str(position), root) for position, row in rows)


def _sample(row: Row, name: str, root: Path) -> Sample:
    options = lettered(row.texts("options"))
    text = row.text("question") + listed(options) + OPTION_LETTER
    answer = row.text("answer")  # the option's position, as text
    positions = {str(i): letter for i, letter in enumerate(options)}
    return Sample(
        question_id=name,
        prompt=Prompt.user(picture(row, root, "ai2d", name), text),
        target=offered(positions.get(answer, answer), options, row.origin),
        facts={"options": options},
        origin=row.origin,
    )


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """lmms-eval's figure, with the texts after its filter."""
    filtered = {r.sample.question_id: before_period(r.response.text) for r in records}
    return {**official_mean("exact_match", records), "filtered": filtered}


_LMMS = Marking(letter_after_filter, "letter before a period, else the text", lenient=True)
_VLMEVALKIT = Marking(letter_or_text, "letter, or the text of an option")

TASK = Task(
    name="ai2d",
    version=1,
    title="AI2D test, labels masked (accuracy)",
    decoding=Decoding(max_new_tokens=16),
    samples=samples,
    primary="lmms_eval",
    variants={
        "lmms_eval": replace(scorer(_LMMS, "exact_match"), official=official),
        "vlmevalkit_exact_matching": scorer(
            _VLMEVALKIT, "Overall", why="finds a letter among words, and the text of an option"
        ),
    },
    assurance="certified",
    hub=(TABLE.place,),
    licence="CC BY-SA 4.0",
    expected=(ACCURACY,),
)
