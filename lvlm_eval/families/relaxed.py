"""Relaxed accuracy: a number within five per cent of the target, any other text to the letter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from lvlm_eval.families.short_answer import OVERALL, Mark, percent, score_by, tally_by
from lvlm_eval.metrics import or_none, per_item
from lvlm_eval.schema import JSON, Record, Scorer, Tally
from lvlm_eval.similarity import relaxed_match

AVERAGE = "average_of_two"


def by_pix2struct(text: str, accepted: Sequence[str]) -> tuple[str, float]:
    return text, float(any(relaxed_match(text, answer) for answer in accepted))


def by_vlmevalkit(text: str, accepted: Sequence[str]) -> tuple[str, float]:
    """The text is stripped first."""
    return by_pix2struct(text.strip(), accepted)


def by_qwen_vl(text: str, accepted: Sequence[str]) -> tuple[str, float]:
    """Stripped, and answer and target change places: five per cent are of the answer."""
    stripped = text.strip()
    return stripped, float(any(relaxed_match(answer, stripped) for answer in accepted))


def relaxed_scorers(axis: str) -> Mapping[str, Scorer]:
    """pix2struct's scorer and the others that are known, broken down by the halves of `axis`."""
    first = Scorer(
        score=score_by(by_pix2struct, "text"),
        tally=partial(tally_by, (axis,)),
        finish=finish,
        headline=OVERALL,
        official=partial(official, axis),
    )
    return {
        "pix2struct": first,
        "qwen_vl_swapped_arguments": _as(
            first, by_qwen_vl, "answer and target change places: five per cent are of the answer"
        ),
        "lmms_eval": _as(first, by_pix2struct, "the same rule"),
        "vlmevalkit": _as(first, by_vlmevalkit, "white space around the answer does not count"),
    }


def _as(scorer: Scorer, mark: Mark, why: str) -> Scorer:
    return replace(scorer, score=score_by(mark, "text"), why=why)


def finish(sums: Tally) -> dict[str, float]:
    """Percent in all and by half, and the mean of the halves that there are."""
    figures = percent(sums)
    halves = [value for name, value in figures.items() if "/" in name]
    return figures | ({AVERAGE: sum(halves) / len(halves)} if halves else {})


def official(axis: str, records: Sequence[Record]) -> dict[str, JSON]:
    """Shares in all, by half, their average, and the items."""
    figures = {k: or_none(v / 100) for k, v in finish(tally_by((axis,), records)).items()}
    metrics = {name.removeprefix(f"{axis}/"): value for name, value in figures.items()}
    metrics["overall_micro"] = metrics.pop(OVERALL)
    return {"metrics": metrics, "per_item": per_item(records)}
