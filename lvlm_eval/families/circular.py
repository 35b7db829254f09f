"""Circular evaluation: a question asked once for each rotation of its options, all must be right.

Liu et al. 2023, arXiv 2307.06281, section 4. Rotated copies are numbered index + k * 1,000,000;
`facts["passes"]` says how many a question has, and a group of which one is not answered counts for
nothing. The letter is VLMEvalKit's, without a judge or with a judge's recorded replies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from lvlm_eval import facts
from lvlm_eval.answers.letters import letter_in_marks, letter_or_text
from lvlm_eval.families.choice import Marking, accuracy, official_mean, score
from lvlm_eval.families.counting import ACCURACY
from lvlm_eval.metrics import means, or_none, tally_values
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer, Tally

STEP = 1_000_000
VANILLA = "vanilla"
_REPLIES = "replies"
LEVELS = ("l2_category", "category")

# What MMBench's tables call the six abilities of its second level.
ABBREVIATIONS: Mapping[str, str] = {
    "coarse_perception": "CP",
    "finegrained_perception (instance-level)": "FP-S",
    "finegrained_perception (cross-instance)": "FP-C",
    "logic_reasoning": "LR",
    "relation_reasoning": "RR",
    "attribute_reasoning": "AR",
}
_SHEET = ("index", "question", "A", "B", "C", "D", "prediction")

_EXACT = Marking(letter_or_text, "letter, or the text of an option")
_STATIC = Marking(letter_in_marks, "letter by its marks, or the text of an option")


def base_of(index: int) -> int:
    """The question that a pass belongs to."""
    return index % STEP


def tally(records: Sequence[Record]) -> Tally:
    """Sums of the groups' hits, in all and by category, and of single passes."""
    return tally_values([*_hits(records), *((VANILLA, _correct(r)) for r in records)])


def _hits(records: Sequence[Record]) -> Iterator[tuple[str, float]]:
    for passes in _groups(records):
        groups = passes[0].sample.groups
        names = (f"{level}/{groups[level]}" for level in LEVELS if level in groups)
        for name in (ACCURACY, *names):
            yield name, _hit(passes)


def _groups(records: Sequence[Record]) -> list[list[Record]]:
    """The passes of each question of which all are answered, the unrotated one first."""
    groups: dict[int, list[Record]] = {}
    for record in records:
        groups.setdefault(base_of(_index(record)), []).append(record)
    complete = (g for g in groups.values() if len(g) == facts.number(g[0].sample, "passes"))
    return [sorted(group, key=_index) for group in complete]


def _index(record: Record) -> int:
    return facts.number(record.sample, "index")


def _correct(record: Record) -> float:
    return record.score.values["correct"]


def _hit(passes: Sequence[Record]) -> float:
    return min(map(_correct, passes))


def score_judged(sample: Sample, response: Response) -> Score:
    """What the rule leaves open is read out of the judge's reply, by the same rule."""
    ruled = score(_EXACT, sample, response)
    reply = response.judge.get("judge_output")
    if ruled.answer is not None or not isinstance(reply, str):
        return ruled
    judged = score(_EXACT, sample, replace(response, text=reply))
    return replace(judged, read="the judge's reply")


def tally_judged(records: Sequence[Record]) -> Tally:
    """As `tally`, with the number of replies."""
    return {**tally(records), _REPLIES: float(sum(bool(r.response.judge) for r in records))}


def finish_judged(sums: Tally) -> dict[str, float]:
    """Means without value where no judge was asked: they would be the rule's again."""
    found = means(sums)
    return found if sums.get(_REPLIES) else dict.fromkeys(found, math.nan)


def tally_passes(records: Sequence[Record]) -> Tally:
    """Sums of single passes."""
    return tally_values((ACCURACY, _correct(record)) for record in records)


def tally_first(records: Sequence[Record]) -> Tally:
    """Sums of the unrotated passes."""
    return tally_passes([record for record in records if _index(record) < STEP])


def official(records: Sequence[Record], *, inferred: bool) -> dict[str, JSON]:
    """VLMEvalKit's `report_acc` of `mcq_circular_eval`; `inferred`: with each pass's letter."""
    found = means(tally(records))
    metrics: dict[str, JSON] = {"Overall": or_none(found.get(ACCURACY, float("nan")))}
    for name, mean in found.items():
        level, _, row = name.partition("/")
        if level in LEVELS:
            metrics[ABBREVIATIONS.get(row, row)] = mean
    groups = {str(_index(passes[0])): _hit(passes) for passes in _groups(records)}
    letters: Mapping[str, JSON] = {r.sample.question_id: r.score.answer for r in records}
    return {
        "metrics": metrics,
        "per_group": groups,
        **({"per_item_inferred": letters} if inferred else {}),
    }


def official_first(records: Sequence[Record]) -> dict[str, JSON]:
    """VLMEvalKit's `mcq_vanilla_eval` over the unrotated passes."""
    return {"metrics": {"Overall": accuracy([r for r in records if _index(r) < STEP])}}


def official_static(records: Sequence[Record]) -> dict[str, JSON]:
    """lmms-eval's three figures."""
    found = means(tally(records))
    rows = {
        level: {
            name.removeprefix(f"{level}/"): mean
            for name, mean in found.items()
            if name.startswith(f"{level}/")
        }
        for level in LEVELS
    }
    return {"metrics": {"overall": or_none(found.get(ACCURACY, float("nan"))), **rows}}


def official_sheet(records: Sequence[Record]) -> dict[str, JSON]:
    """What MoE-LLaVA's conversion leaves of the table: its columns, and a row a pass."""
    known = any(record.sample.target is not None for record in records)
    return {"columns": [*_SHEET, *(["answer"] if known else []), "split"], "rows": len(records)}


def _scorer(
    marked: Callable[[Sample, Response], Score],
    sums: Callable[[Sequence[Record]], Tally],
    printed: Callable[[Sequence[Record]], dict[str, JSON]],
    why: str = "",
) -> Scorer:
    return Scorer(marked, sums, means, ACCURACY, printed, scale=100.0, why=why)


_exact = partial(score, _EXACT)

PRIMARY = "circular_exact_matching"
VARIANTS: Mapping[str, Scorer] = {
    PRIMARY: _scorer(_exact, tally, partial(official, inferred=True)),
    "circular_with_recorded_judge": Scorer(
        score_judged,
        tally_judged,
        finish_judged,
        ACCURACY,
        partial(official, inferred=False),
        scale=100.0,
        why="what the rule leaves open is read out of a judge's recorded reply",
    ),
    "vanilla_all_passes_exact_matching": _scorer(
        _exact,
        tally_passes,
        partial(official_mean, "Overall"),
        "every rotated pass is a question of its own",
    ),
    "vanilla_first_pass_exact_matching": _scorer(
        _exact, tally_first, official_first, "only the unrotated pass counts"
    ),
    "lmms_eval_static": _scorer(
        partial(score, _STATIC),
        tally,
        official_static,
        "knows certain marks around a letter, and takes any letter if there is nothing else",
    ),
    "moe_llava_submission_file": replace(
        _scorer(_exact, tally, official_sheet, "the same marking; its form is the uploaded sheet"),
        counts_missing=True,
    ),
}
