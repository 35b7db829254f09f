"""MMMU as other harnesses mark it: the questions of choice alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from lvlm_eval import facts
from lvlm_eval.answers.letters import Options, letter_of_mmmu_in_lmms_eval, letter_or_text
from lvlm_eval.families.choice import Marking, official_mean, scorer
from lvlm_eval.families.counting import ACCURACY
from lvlm_eval.metrics import tally_values
from lvlm_eval.schema import JSON, Record, Scorer, Tally

from .marks import SEED


def _seeded(text: str, options: Options) -> str | None:
    """lmms-eval's letter; where it finds none the draw that its seed gives a single question."""
    found = letter_of_mmmu_in_lmms_eval(text, options)
    if found or not options:
        return found
    return Random(SEED).choice(list(options))  # noqa: S311 its own draw


def _choice(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if facts.options(record.sample)]


def tally(records: Sequence[Record]) -> Tally:
    """Sums over the questions of choice."""
    return tally_values((ACCURACY, r.score.values["correct"]) for r in _choice(records))


def official_lmms_eval(records: Sequence[Record]) -> dict[str, JSON]:
    """What is read of each question of choice; of open ones it keeps an element of a set."""
    parsed = {r.sample.question_id: r.score.answer for r in _choice(records)}
    return {"metrics": {}, "per_item_parsed": parsed}


def official_vlmevalkit(records: Sequence[Record]) -> dict[str, JSON]:
    """VLMEvalKit's figure of the questions of choice; it rewrites open ones as such."""
    return official_mean("Overall", _choice(records))


FOREIGN: Mapping[str, Scorer] = {
    "lmms_eval_parsed_choice_only": replace(
        scorer(Marking(_seeded, "letter, else drawn"), ACCURACY, why="choice only; another rule"),
        tally=tally,
        official=official_lmms_eval,
    ),
    "vlmevalkit_exact_matching_mcq_only": replace(
        scorer(
            Marking(letter_or_text, "letter, or the text of an option"),
            ACCURACY,
            why="choice only; finds a letter among words, and the text of an option",
        ),
        tally=tally,
        official=official_vlmevalkit,
    ),
}
