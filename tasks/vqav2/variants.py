"""VQAv2 as other harnesses mark it: they normalise even where all ten people agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lvlm_eval import facts
from lvlm_eval.answers.phrases import EVAL_AI, VLMEVALKIT, MarkRules, normalise_phrase, one_line
from lvlm_eval.metrics import (
    means,
    or_none,
    per_item,
    tally_correct,
    vqa_accuracy,
)
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer


def _score_lmms(sample: Sample, response: Response) -> Score:
    return _score_normalised(sample, response, EVAL_AI)


def _score_vlmevalkit(sample: Sample, response: Response) -> Score:
    return _score_normalised(sample, response, VLMEVALKIT)


def _score_normalised(sample: Sample, response: Response, rules: MarkRules) -> Score:
    """The official accuracy without its condition that the ten answers differ."""
    answer = normalise_phrase(one_line(response.text), rules)
    people = [normalise_phrase(one_line(a), rules) for a in facts.texts(sample, "answers")]
    readable = bool(response.text.strip())
    return Score({"correct": vqa_accuracy(answer, people)}, answer if readable else None, "phrase")


def _official_lmms(records: Sequence[Record]) -> dict[str, JSON]:
    mean = or_none(means(tally_correct(records))["correct"])
    return {"metrics": {"exact_match": mean}, "per_item": per_item(records)}


def _official_vlmevalkit(records: Sequence[Record]) -> dict[str, JSON]:
    mean = or_none(100 * means(tally_correct(records))["correct"])
    return {"metrics": {"Overall": mean}, "per_item": per_item(records)}


FOREIGN: Mapping[str, Scorer] = {
    "lmms_eval": Scorer(
        score=_score_lmms,
        tally=tally_correct,
        finish=means,
        headline="correct",
        official=_official_lmms,
        scale=100.0,
        why="normalises also where all ten people agree, and nothing is done to the text before",
    ),
    "vlmevalkit_vqa_score": Scorer(
        score=_score_vlmevalkit,
        tally=tally_correct,
        finish=means,
        headline="correct",
        official=_official_vlmevalkit,
        scale=100.0,
        why="normalises always, and keeps a period that has a digit on either side",
    ),
}
