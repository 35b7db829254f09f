"""GQA as other harnesses mark it: accuracy over the balanced questions, other equalities."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from lvlm_eval import facts
from lvlm_eval.metrics import means, or_none, per_item, tally_correct
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer, Tally

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _bare(text: str) -> str:
    """lmms-eval's `exact_match`: no case, no ASCII punctuation; blanks are kept."""
    return text.lower().translate(_NO_PUNCTUATION)


def _stripped(text: str) -> str:
    """VLMEvalKit's `accuracy`: no case, no blanks around."""
    return text.strip().lower()


def _score(normalise: Callable[[str], str], sample: Sample, response: Response) -> Score:
    answer = normalise(response.text)
    correct = float(answer == normalise(facts.target_text(sample)))
    return Score({"correct": correct}, answer if response.text.strip() else None, "equality")


def _balanced(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.sample.facts["balanced"]]


def _tally(records: Sequence[Record]) -> Tally:
    return tally_correct(_balanced(records))


def _official(name: str, scale: float, records: Sequence[Record]) -> dict[str, JSON]:
    figure = or_none(scale * means(_tally(records))["correct"])
    return {"metrics": {name: figure}, "per_item": per_item(_balanced(records))}


FOREIGN: Mapping[str, Scorer] = {
    "lmms_eval": Scorer(
        score=partial(_score, _bare),
        tally=_tally,
        finish=means,
        headline="correct",
        official=partial(_official, "exact_match", 1.0),
        scale=100.0,
        why="ignores case and all ASCII punctuation",
    ),
    "vlmevalkit": Scorer(
        score=partial(_score, _stripped),
        tally=_tally,
        finish=means,
        headline="correct",
        official=partial(_official, "Overall", 100.0),
        scale=100.0,
        why="ignores case and blanks around, but not a trailing period",
    ),
}
