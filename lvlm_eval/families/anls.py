"""Questions on documents, marked by ANLS: edit distance to the nearest accepted answer.

Accepted answers stand in `facts["answers"]`; a fact that lists an item's kinds (a question on
a form and a table at once) is an axis to break the figure down by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from lvlm_eval import facts
from lvlm_eval.families.short_answer import mean_scorer, score_by
from lvlm_eval.metrics import means, or_none, per_item, tally_values
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer, Tally
from lvlm_eval.similarity import anls, anls_of_stripped, mp_docvqa_accuracy, mp_docvqa_anls

HEADLINE = "anls"
BY_TYPE = ("answer_types", "evidence_types", "operation_types")  # what the RRC's script prints


def by_rrc(text: str, accepted: Sequence[str]) -> tuple[str, float]:
    """The text, and its ANLS as the RRC server has it."""
    return text, anls(text, accepted)


def by_m4c(text: str, accepted: Sequence[str]) -> tuple[str, float]:
    """The text, and its ANLS as M4C's evaluator of ST-VQA has it."""
    return text, anls_of_stripped(text, accepted)


def anls_scorers(axes: Sequence[str]) -> Mapping[str, Scorer]:
    """The RRC's scorer with a mean by kind of each axis, and the others that are known."""
    return {
        "rrc_official": Scorer(
            score=score_by(by_rrc, "text"),
            tally=partial(tally_kinds, axes),
            finish=means,
            headline=HEADLINE,
            official=partial(official, axes),
            scale=100.0,
        ),
        "mp_docvqa_framework": Scorer(
            score=score_mp_docvqa,
            tally=tally_mp_docvqa,
            finish=means,
            headline=HEADLINE,
            official=official_mp_docvqa,
            scale=100.0,
            why="divides by the processed lengths; nothing, and the word none, are always wrong",
        ),
        "m4c_stvqa_anls": mean_scorer(
            by_m4c, "text", HEADLINE, why="divides by the processed lengths"
        ),
        "lmms_eval": mean_scorer(by_rrc, "text", HEADLINE, why="the same rule"),
        "vlmevalkit": mean_scorer(by_rrc, "text", "Overall", unit=100.0, why="the same rule"),
    }


def tally_kinds(axes: Sequence[str], records: Sequence[Record]) -> Tally:
    """Sums of ANLS in all and as `<axis>/<kind>`; an item counts for each of its kinds."""
    return tally_values(
        (name, record.score.values["correct"])
        for record in records
        for name in (HEADLINE, *(f"{a}/{kind}" for a in axes for kind in _kinds(record.sample, a)))
    )


def _kinds(sample: Sample, axis: str) -> Sequence[str]:
    return facts.texts(sample, axis)


def official(axes: Sequence[str], records: Sequence[Record]) -> dict[str, JSON]:
    """As the RRC's script has it: the mean, the means of those axes that it knows, the items."""
    figures = means(tally_kinds(axes, records))
    by_type: dict[str, JSON] = {
        axis: {
            name.removeprefix(f"{axis}/"): or_none(value)
            for name, value in figures.items()
            if name.startswith(f"{axis}/")
        }
        for axis in BY_TYPE
    }
    metrics = {HEADLINE: or_none(figures[HEADLINE]), "by_type": by_type}
    return {"metrics": metrics, "per_item": per_item(records)}


def score_mp_docvqa(sample: Sample, response: Response) -> Score:
    """As the MP-DocVQA framework marks: ANLS, and whether the answer is an accepted one."""
    accepted, text = facts.texts(sample, "answers"), response.text
    exact = mp_docvqa_accuracy(text, accepted)
    values = {"correct": mp_docvqa_anls(text, accepted), "accuracy": exact}
    return Score(values, text if text.strip() else None, "text")


def tally_mp_docvqa(records: Sequence[Record]) -> Tally:
    """Sums of both marks."""
    return tally_values(
        (name, record.score.values[value])
        for record in records
        for name, value in ((HEADLINE, "correct"), ("accuracy", "accuracy"))
    )


def official_mp_docvqa(records: Sequence[Record]) -> dict[str, JSON]:
    """Both means and both marks of each item."""
    figures = means(tally_mp_docvqa(records))
    exact: dict[str, JSON] = {
        r.sample.question_id: int(r.score.values["accuracy"]) for r in records
    }
    metrics = {name: or_none(value) for name, value in figures.items()}
    return {"metrics": metrics, "per_item": per_item(records), "per_item_accuracy": exact}
