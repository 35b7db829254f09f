"""Two runs, paired question by question: how each task's headline differs and which answers do.

Reads stores only. What turns sums into a task's metrics is passed in, since only the task
knows it. Clusters that both runs answered whole are compared; the others are counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from lvlm_eval.comparable import Asked, differing
from lvlm_eval.errors import Incomplete, NotComparable
from lvlm_eval.metrics import add_up
from lvlm_eval.schema import JSON, Estimate, Run, Summary, Tally, TaskRun
from lvlm_eval.stats import ToMetrics, mcnemar, paired_differences, scaled
from lvlm_eval.store import RunStore
from lvlm_eval.task_store import ScoreLine, TaskStore

if TYPE_CHECKING:
    import pandas as pd

Finishes: TypeAlias = Callable[[TaskRun], ToMetrics]  # the metrics' function of that task


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that the two runs' answers were marked differently on."""

    question_id: str
    target: JSON
    answers: tuple[str | None, str | None]
    values: tuple[Mapping[str, float], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """One task of two runs, in the paper's unit; every difference is second minus first.

    values: the headline of both over the clusters compared.
    p, test: two-sided; by McNemar's exact test where answers are right or wrong and each
      stands in a cluster of its own, else from the bootstrap over clusters.
    detectable: the smallest true difference found with a probability of 0.8.
    gained, lost: questions whose mark rose or fell: "correct" or, where there is no such mark,
      the one by the headline's name (CIDEr's); None where there is neither (LLaVA-Bench).
    left_out: clusters that only one run answered, or not with the same questions.
    same: whether all answers read are the same.
    span: the length of the headline's scale; negative where less is better.
    """

    label: str
    headline: str
    values: tuple[float | None, float | None]
    difference: Estimate
    p: float | None
    test: str
    detectable: float | None
    gained: int | None
    lost: int | None
    questions: int
    clusters: int
    left_out: int
    differing: int
    same: bool
    span: float
    flips: tuple[Flip, ...]

    def figures(self) -> dict[str, JSON]:
        """All but the flips by name, unrounded."""
        return {
            "headline": self.headline,
            "first": self.values[0],
            "second": self.values[1],
            "difference": self.difference.value,
            "low": self.difference.low,
            "high": self.difference.high,
            "undefined_resamples": self.difference.undefined,
            "p": self.p,
            "test": self.test,
            "detectable": self.detectable,
            "gained": self.gained,
            "lost": self.lost,
            "questions": self.questions,
            "clusters": self.clusters,
            "clusters_left_out": self.left_out,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, by the names `first` and `second`; others: tasks that only one of them has."""

    first: str
    second: str
    tasks: tuple[TaskComparison, ...]
    others: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """A row a task, indexed by its name: `TaskComparison.figures`."""
        import pandas as pd

        return pd.DataFrame([{"task": t.label, **t.figures()} for t in self.tasks]).set_index(
            "task"
        )


@dataclass(frozen=True, slots=True)
class _Side:
    """One run's marked task; `name` is how messages call it."""

    name: str
    run: Run
    task_run: TaskRun
    summary: Summary
    lines: Sequence[ScoreLine]

    @classmethod
    def of(cls, store: RunStore, task: TaskStore) -> _Side:
        summary = task.summary()
        if summary is None:
            raise Incomplete(
                f"{store.name}: {task.label} is not marked yet, the run was stopped half-way; the "
                "same `lvlm-eval run` goes on with it"
            )
        decision = task.decision()
        if decision is not None and summary.asked < summary.total:
            raise NotComparable(
                f"{store.name}: {task.label} was asked with --until-decided, {summary.asked} of "
                f"{summary.total} questions: its verdict against {decision.baseline}, "
                f"{decision.verdict}, is what counts, and no test of a fixed number of questions "
                "holds; `run` it to its end without --until-decided to compare it"
            )
        return cls(store.name, store.run, task.task_run(), summary, task.scores())

    @property
    def asked(self) -> Asked:
        return Asked(self.name, self.run, self.task_run, self.summary.asked)


@dataclass(frozen=True, slots=True)
class _Cluster:
    ids: tuple[str, ...]
    tally: Tally


def compare(
    first: RunStore, second: RunStore, finishes: Finishes, allowed: Collection[str] = ()
) -> Comparison:
    """The tasks that both runs have, compared; raises NotComparable where there is none."""
    known = [{task.label for task in store.tasks()} for store in (first, second)]
    common, others = sorted(known[0] & known[1]), sorted(known[0] ^ known[1])
    if not common:
        raise NotComparable(f"{first.name} and {second.name} have no task in common")
    tasks = compare_runs(first, second, common, finishes, allowed=allowed)
    return Comparison(first.name, second.name, tuple(tasks), tuple(others))


def compare_runs(
    first: RunStore,
    second: RunStore,
    labels: Iterable[str],
    finishes: Finishes,
    *,
    allowed: Collection[str] = (),
    alpha: float = 0.05,
) -> list[TaskComparison]:
    """The tasks of those labels, compared; intervals are of level 1 - alpha.

    Raises NotComparable, naming every field of every task in which what was asked differs,
    and Incomplete where one run is not marked yet.
    """
    sides = [(_Side.of(first, first.task(n)), _Side.of(second, second.task(n))) for n in labels]
    problems = [
        f"{one.summary.task}: {problem}"
        for one, other in sides
        for problem in differing(one.asked, other.asked, allowed)
    ]
    if problems:
        raise NotComparable(
            f"{sides[0][0].name} and {sides[0][1].name} are not comparable: "
            f"{'; '.join(problems)}; run both alike, or allow what is meant with --allow FIELD"
        )
    return [_compare(one, other, finishes(one.task_run), alpha) for one, other in sides]


def _compare(first: _Side, second: _Side, finish: ToMetrics, alpha: float) -> TaskComparison:
    label, headline, scale = first.summary.task, first.summary.headline, first.summary.scale
    one, other = _clusters(first.lines), _clusters(second.lines)
    common = [name for name, own in one.items() if name in other and other[name].ids == own.ids]
    if not common:
        raise NotComparable(f"{label}: {first.name} and {second.name} share no answered question")
    before, after = ([side[name].tally for name in common] for side in (one, other))
    difference = paired_differences(after, before, finish, alpha=alpha)[headline]
    values = [_known(finish(add_up(side)).get(headline), scale) for side in (before, after)]
    estimate = scaled(difference.estimate, scale)
    pairs = _pairs(first.lines, second.lines, {i for name in common for i in one[name].ids})
    changes = _changes(pairs, headline)
    gained, lost = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    span = first.summary.best - first.summary.worst
    expected = span * (gained - lost) / len(pairs)
    exact = len(pairs) == len(common) and _is_share_of_right(pairs, estimate.value, expected)
    return TaskComparison(
        label=label,
        headline=headline,
        values=(values[0], values[1]),
        difference=estimate,
        p=mcnemar(gained, lost) if exact and difference.p is not None else difference.p,
        test="mcnemar" if exact else "bootstrap",
        detectable=None if difference.detectable is None else difference.detectable * scale,
        gained=gained if changes else None,
        lost=lost if changes else None,
        questions=len(pairs),
        clusters=len(common),
        left_out=len(one.keys() | other.keys()) - len(common),
        differing=difference.differing,
        same=all(_same(a, b) for a, b in pairs),
        span=span,
        flips=tuple(_flips(pairs)),
    )


def _known(value: float | None, scale: float) -> float | None:
    return None if value is None or math.isnan(value) else value * scale


def _clusters(lines: Iterable[ScoreLine]) -> dict[str, _Cluster]:
    """By name: the questions of the cluster that were marked, and its sums."""
    ids: dict[str, list[str]] = {}
    tallies: dict[str, list[Tally]] = {}
    for line in lines:
        ids.setdefault(line.cluster, []).append(line.question_id)
        tallies.setdefault(line.cluster, []).append(line.tally)
    return {
        name: _Cluster(tuple(sorted(members)), add_up(tallies[name]))
        for name, members in ids.items()
    }


def _pairs(
    first: Iterable[ScoreLine], second: Iterable[ScoreLine], ids: Collection[str]
) -> list[tuple[ScoreLine, ScoreLine]]:
    """The two marks of each of the questions, in the first run's order."""
    others = {line.question_id: line for line in second}
    return [(line, others[line.question_id]) for line in first if line.question_id in ids]


def _same(first: ScoreLine, second: ScoreLine) -> bool:
    """Whether the answers are known to be the same; a bundle without text has empty ones."""
    return first.answer == second.answer != "" and first.values == second.values


def _changes(pairs: Iterable[tuple[ScoreLine, ScoreLine]], headline: str) -> list[float]:
    """By how much the mark of each item rose that has one."""
    marks = ((_mark(a, headline), _mark(b, headline)) for a, b in pairs)
    return [after - before for before, after in marks if before is not None and after is not None]


def _mark(line: ScoreLine, headline: str) -> float | None:
    if "correct" in line.values:
        return line.values["correct"]
    named = {name.lower(): value for name, value in line.values.items()}
    return named.get(headline.lower())


def _is_share_of_right(
    pairs: Iterable[tuple[ScoreLine, ScoreLine]], difference: float | None, expected: float
) -> bool:
    """Whether items are right or wrong and the headline is the share of right ones, which then
    differs as expected."""
    marks = {line.values.get("correct") for pair in pairs for line in pair}
    return (
        marks <= {0.0, 1.0}
        and difference is not None
        and math.isclose(difference, expected, abs_tol=1e-9)
    )


def _flips(pairs: Iterable[tuple[ScoreLine, ScoreLine]]) -> Iterator[Flip]:
    for a, b in pairs:
        if a.values != b.values:
            yield Flip(a.question_id, a.target, (a.answer, b.answer), (a.values, b.values))
