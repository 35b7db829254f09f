"""MME as other harnesses mark it: the same points, other rules for reading an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lvlm_eval import facts
from lvlm_eval.answers.yes_no import only_yes_or_no, yes_no_in_four_characters
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer

from .files import CATEGORIES
from .points import finish, tally


def _score_stripped(sample: Sample, response: Response) -> Score:
    """lmms-eval: stripped and without periods, a lone y or n counts, then the four characters."""
    text = response.text.lower().strip().replace(".", "")
    lone = {"y": "yes", "n": "no"}
    answer = lone.get(text) if len(text) == 1 else yes_no_in_four_characters(text)
    correct = float(answer == facts.target_text(sample))
    return Score({"correct": correct}, answer, read="first four characters, stripped")


def _official_stripped(records: Sequence[Record]) -> dict[str, JSON]:
    metrics = finish(tally(records))
    return {
        "metrics": {half: metrics[half] for half in ("perception", "cognition") if half in metrics},
        "per_item_parsed": {r.sample.question_id: r.score.answer or "other" for r in records},
    }


def _score_word_anywhere(sample: Sample, response: Response) -> Score:
    """VLMEvalKit: yes or no as a word anywhere; both or neither is Unknown and wrong."""
    answer = only_yes_or_no(response.text)
    correct = float(answer == facts.target_text(sample))
    return Score({"correct": correct}, answer, read="word anywhere")


def _official_word_anywhere(records: Sequence[Record]) -> dict[str, JSON]:
    metrics = finish(tally(records))
    words = {"yes": "Yes", "no": "No", None: "Unknown"}
    halves = {"perception": "perception", "reasoning": "cognition"}
    scores = {category: f"{category}/score" for category in CATEGORIES}
    return {
        "metrics": {
            name: metrics[ours] for name, ours in (halves | scores).items() if ours in metrics
        },
        "per_item_parsed": {r.sample.question_id: words[r.score.answer] for r in records},
    }


FOREIGN: Mapping[str, Scorer] = {
    "lmms_eval": Scorer(
        score=_score_stripped,
        tally=tally,
        finish=finish,
        headline="perception",
        best=2000.0,
        official=_official_stripped,
        why="strips the answer and drops periods before looking at its first four characters",
    ),
    "vlmevalkit_exact_matching": Scorer(
        score=_score_word_anywhere,
        tally=tally,
        finish=finish,
        headline="perception",
        best=2000.0,
        official=_official_word_anywhere,
        why="reads yes or no as a word anywhere in the answer",
    ),
}
