"""Short answers marked against the texts that people accept, each answer worth 0 to 1.

A task gives the rule that marks a text against its accepted answers (`facts["answers"]`), the
axes to break figures down by, and the form in which the code it follows prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TypeAlias

from lvlm_eval import facts
from lvlm_eval.answers.phrases import (
    MEMORY,
    MarkRules,
    as_compared,
    eval_ai_answer,
    normalise_phrase,
    one_line,
    vizwiz_answer,
)
from lvlm_eval.metrics import (
    half_up,
    means,
    or_none,
    per_item,
    ratio,
    tally_correct,
    tally_named,
    tally_values,
    totals,
    vqa_accuracy,
)
from lvlm_eval.schema import JSON, Answered, Record, Response, Sample, Score, Scorer, Tally

Marked: TypeAlias = tuple[str, float]  # the answer as it was read, and what it is worth
Mark: TypeAlias = Callable[[str, Sequence[str]], Marked]
Official: TypeAlias = Callable[[Sequence[Record]], dict[str, JSON]]
OVERALL = "accuracy"


def raw_by_vqa(text: str, people: Sequence[str]) -> Marked:
    """The text as it is, by the official VQA evaluator."""
    return text, vqa_accuracy(*as_compared(text, people))


def upload_by_vqa(text: str, people: Sequence[str]) -> Marked:
    """What LLaVA uploads, the text after EvalAI's processor, by the official VQA evaluator.

    The two steps are not idempotent: "x-ray" is uploaded as "x ray" and misses ten people who
    all say "x-ray".
    """
    submitted = eval_ai_answer(text)
    return submitted, vqa_accuracy(*as_compared(submitted, people))


def raw_by_vizwiz(text: str, people: Sequence[str]) -> Marked:
    """The text as it is, by the VizWiz evaluator, which leaves the people's answers as they are."""
    return text, vqa_accuracy(vizwiz_answer(text), people)


def upload_by_vizwiz(text: str, people: Sequence[str]) -> Marked:
    """What LLaVA uploads, by the VizWiz evaluator."""
    submitted = eval_ai_answer(text)
    return submitted, vqa_accuracy(vizwiz_answer(submitted), people)


def by_m4c(text: str, people: Sequence[str]) -> Marked:
    """M4C's rule: EvalAI's processor on both sides, always."""
    answer = eval_ai_answer(text)
    return answer, vqa_accuracy(answer, list(map(eval_ai_answer, people)))


def normalised(rules: MarkRules) -> Mark:
    """The VQA evaluator's normalisation on both sides, also where all people agree."""

    @lru_cache(maxsize=MEMORY)
    def normal(text: str) -> str:
        return normalise_phrase(one_line(text), rules)

    def mark(text: str, people: Sequence[str]) -> Marked:
        answer = normal(text)
        return answer, vqa_accuracy(answer, list(map(normal, people)))

    return mark


def score_by(mark: Mark, read: str) -> Callable[[Sample, Response], Score]:
    """Marks an answer against `facts["answers"]`; blank text is unread, yet marked."""

    def score(sample: Sample, response: Response) -> Score:
        """The answer is marked against the accepted ones."""
        answer, worth = mark(response.text, facts.texts(sample, "answers"))
        readable = bool(response.text.strip())
        return Score({"correct": worth}, answer if readable else None, read)

    return score


def percent_scorer(
    mark: Mark, read: str, official: Official, axes: Sequence[str] = (), why: str = ""
) -> Scorer:
    """Mean worth in percent, `accuracy` and `<axis>/<row>` for each axis of the samples' groups."""
    return Scorer(
        score=score_by(mark, read),
        tally=partial(tally_by, axes),
        finish=percent,
        headline=OVERALL,
        official=official,
        why=why,
        brief=partial(brief_by, mark, OVERALL),
    )


def mean_scorer(
    mark: Mark, read: str, name: str, *, unit: float = 1.0, why: str = "", items: bool = True
) -> Scorer:
    """Mean worth, which the code that it follows prints as `name`, times `unit`.

    items: whether that code also gives each item's worth.
    """
    return Scorer(
        score=score_by(mark, read),
        tally=tally_correct,
        finish=means,
        headline="correct",
        official=partial(mean_figure, name, unit, items),
        scale=100.0,
        why=why,
        brief=partial(brief_by, mark, "correct"),
    )


def brief_by(mark: Mark, name: str, pairs: Sequence[Answered]) -> Tally:
    """The sums of the mean over all items alone, straight from the answers."""
    return tally_named(
        name, [mark(response.text, facts.texts(sample, "answers"))[1] for sample, response in pairs]
    )


def tally_by(axes: Sequence[str], records: Sequence[Record]) -> Tally:
    """Sums of the items' worth in all and by row of each axis."""
    named: list[tuple[str, float]] = []
    for record in records:
        worth, groups = record.score.values["correct"], record.sample.groups
        named.append((OVERALL, worth))
        named += [(row_name(axis, groups[axis]), worth) for axis in axes]
    return tally_values(named)


@lru_cache(maxsize=MEMORY)
def row_name(axis: str, row: str) -> str:
    """What a row of an axis is called among the metrics."""
    return f"{axis}/{row}"


def percent(sums: Tally) -> dict[str, float]:
    """The mean of each sum in percent."""
    return {name: ratio(100 * total, count) for name, (total, count) in totals(sums).items()}


def vqa_figures(
    names: Mapping[str, str], places: Callable[[float], float], records: Sequence[Record]
) -> dict[str, JSON]:
    """As VQA evaluators print: percent, rounded by `places`, in all, by axis, by item.

    names: the evaluator's name of each axis.
    """
    sums = percent(tally_by(tuple(names), records))
    metrics = {name: or_none(places(value)) for name, value in sums.items()}
    by_axis: dict[str, JSON] = {
        printed: {
            name.removeprefix(f"{axis}/"): value
            for name, value in metrics.items()
            if name.startswith(f"{axis}/")
        }
        for axis, printed in names.items()
    }
    items = {r.sample.question_id: places(100 * r.score.values["correct"]) for r in records}
    return {"metrics": {"overall": metrics[OVERALL], **by_axis}, "per_item": items}


def mean_figure(name: str, unit: float, items: bool, records: Sequence[Record]) -> dict[str, JSON]:
    """One mean, and each item's worth."""
    mean = or_none(unit * means(tally_correct(records))["correct"])
    return {"metrics": {name: mean}, **({"per_item": per_item(records)} if items else {})}


def two_places_of_python_2(value: float) -> float:
    """Rounded as the official VQA evaluator's Python did: ties away from zero."""
    return half_up(value, 2)


def two_places(value: float) -> float:
    """Rounded as Python 3 does."""
    return round(value, 2)
