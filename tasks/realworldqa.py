"""RealWorldQA: 765 questions about what is where in photographs, many from a vehicle.

xAI 2024, x.ai/blog/grok-1.5v. Data: lmms-lab/RealWorldQA, split test; most questions list options,
the others want a word or a number. xAI published no scorer; tables stand on lmms-eval's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.answers.letters import Options, letter_or_text, ranked_letter
from lvlm_eval.data import unique
from lvlm_eval.data_hub import HubTable
from lvlm_eval.data_row import Row
from lvlm_eval.families.choice import Marking, official_mean, scorer
from lvlm_eval.families.choice import score as score_letter
from lvlm_eval.families.counting import ACCURACY
from lvlm_eval.families.hub_split import options_in, picture, split_rows
from lvlm_eval.metrics import tally_values
from lvlm_eval.schema import JSON, Decoding, Prompt, Record, Response, Sample, Score, Tally, Task

TABLE = HubTable(
    ("lmms-lab/RealWorldQA", "lmms-lab-encoder/RealWorldQA", "xai-org/RealworldQA"),
    "test",
    ("question", "answer"),
)
_LETTERS = "ABCD"


def samples(root: Path) -> Iterator[Sample]:
    """The questions in their order; ids are positions from 0 on, for the rows have none."""
    rows = enumerate(split_rows(root, "realworldqa", TABLE))
    return unique(_sample(row, str(position), root) for position, row in rows)


def _sample(row: Row, name: str, root: Path) -> Sample:
    question, answer = row.text("question"), row.text("answer")
    options: Options = {}
    if answer in tuple(_LETTERS):
        listed = options_in(question)
        options = listed if answer in listed else dict.fromkeys(_LETTERS, "")
    return Sample(
        question_id=name,
        prompt=Prompt.user(picture(row, root, "realworldqa", name), question.strip()),
        target=answer,
        facts={"options": options},
        groups={"kind": "choice" if options else "open"},
        origin=row.origin,
    )


def ranked_of_four(text: str, options: Options) -> str | None:
    """lmms-eval looks for A to D, however many are offered."""
    return ranked_letter(text, _LETTERS)


_LMMS = Marking(ranked_of_four, "the best placed letter")
_VLMEVALKIT = Marking(letter_or_text, "letter, or the text of an option")


def score(sample: Sample, response: Response) -> Score:
    """A letter where the answer is one, else equality without case and periods at the end."""
    if facts.options(sample):
        return score_letter(_LMMS, sample, response)
    answer = response.text.lower().strip().rstrip(".")
    target = facts.target_text(sample).lower().strip()
    return Score({"correct": float(answer == target)}, answer or None, "whole answer")


def tally_choice(records: Sequence[Record]) -> Tally:
    """Sums over the questions that list options."""
    return tally_values((ACCURACY, r.score.values["correct"]) for r in _choice(records))


def official_choice(records: Sequence[Record]) -> dict[str, JSON]:
    """VLMEvalKit's figure of the questions that list options, and their number."""
    found = official_mean("Overall", _choice(records))
    metrics = found["metrics"]
    assert isinstance(metrics, dict)
    return {**found, "metrics": {**metrics, "n": len(_choice(records))}}


def _choice(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.sample.groups["kind"] == "choice"]


TASK = Task(
    name="realworldqa",
    version=1,
    title="RealWorldQA (accuracy)",
    decoding=Decoding(max_new_tokens=16),
    samples=samples,
    primary="lmms_eval",
    variants={
        "lmms_eval": replace(scorer(_LMMS, "exact_match", ("kind",)), score=score),
        "vlmevalkit_exact_matching_mcq_items_only": replace(
            scorer(_VLMEVALKIT, "Overall", why="only questions that list options; another rule"),
            tally=tally_choice,
            official=official_choice,
        ),
    },
    assurance="certified",
    hub=(TABLE.place,),
    licence="CC BY-ND 4.0",
    shown=("kind/choice", "kind/open"),
    expected=(ACCURACY, "kind/choice", "kind/open"),
)
