"""Is a candidate worse than its baseline? A verdict a task, and whether the gate lets it pass.

worse      the headline fell, and Holm's adjustment over the tasks leaves it significant.
ok         a loss as large as the margin is excluded: the interval's lower end lies above it.
undecided  neither: too few questions to tell; the smallest detectable difference says how few.

Only `worse` closes the gate, with `strict` also `undecided`. Reads stores; knows no task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lvlm_eval.comparison import Finishes, TaskComparison, compare_runs
from lvlm_eval.errors import Incomplete, UsageError
from lvlm_eval.run import check_answers
from lvlm_eval.schema import JSON
from lvlm_eval.stats import holm
from lvlm_eval.store import RunStore
from lvlm_eval.tables import figure
from lvlm_eval.task_store import Outcome

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_MARGIN = "1%"
EVERY_TASK = "default"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the gate asks for.

    margins: the largest loss that is accepted, by task or "default": in the paper's unit
      ("0.5"), or as a share of the headline's scale ("1%", which is 20 of MME's points).
    tasks: labels or names to judge; all of the baseline's without.
    allowed: fields that candidate and baseline may differ in (`comparable.FIELDS`).
    max_failures: share of questions without an answer above which nothing is judged.
    """

    alpha: float = 0.05
    strict: bool = False
    margins: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    max_failures: float = 0.005

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise UsageError(f"--alpha must be between 0 and 1, got {self.alpha}")
        for name, text in self.margins.items():
            _points(text, 100.0, name)

    def margin(self, label: str, span: float) -> float:
        """The task's margin in the paper's unit, from the length of its headline's scale."""
        names = (label, label.partition("@")[0], EVERY_TASK)
        text = next((self.margins[name] for name in names if name in self.margins), DEFAULT_MARGIN)
        return _points(text, span, label)


@dataclass(frozen=True, slots=True)
class TaskVerdict:
    """What is judged of one task. p: Holm's, over all tasks; why: in one sentence."""

    comparison: TaskComparison
    verdict: Outcome
    p: float | None
    margin: float
    why: str

    def figures(self) -> dict[str, JSON]:
        """The verdict and what it stands on by name, unrounded."""
        return {
            "verdict": self.verdict,
            "why": self.why,
            "margin": self.margin,
            "p_holm": self.p,
            **self.comparison.figures(),
        }


@dataclass(frozen=True, slots=True)
class Gate:
    """The verdicts over all tasks; `passed` is what the exit code says."""

    candidate: str
    baseline: str
    alpha: float
    strict: bool
    tasks: tuple[TaskVerdict, ...]

    @property
    def passed(self) -> bool:
        closing = ("worse", "undecided") if self.strict else ("worse",)
        return not any(task.verdict in closing for task in self.tasks)

    def frame(self) -> pd.DataFrame:
        """A row a task, indexed by its name: `TaskVerdict.figures`."""
        import pandas as pd

        rows = [{"task": one.comparison.label, **one.figures()} for one in self.tasks]
        return pd.DataFrame(rows).set_index("task")


def check(candidate: RunStore, baseline: RunStore, finishes: Finishes, policy: Policy) -> Gate:
    """The candidate judged against the baseline, task by task.

    Raises Incomplete where the candidate lacks a task or is not marked, TooFewAnswers where
    either run has too many questions without an answer, NotComparable, UsageError.
    """
    labels = _labels(candidate, baseline, policy.tasks)
    for store in (baseline, candidate):
        for label in labels:
            summary = store.task(label).summary()
            if summary is not None:
                check_answers(summary, policy.max_failures, None)
    compared = compare_runs(
        baseline, candidate, labels, finishes, allowed=policy.allowed, alpha=policy.alpha
    )
    return Gate(
        candidate.name,
        baseline.name,
        policy.alpha,
        policy.strict,
        tuple(judge(compared, policy)),
    )


def judge(comparisons: Sequence[TaskComparison], policy: Policy) -> Iterator[TaskVerdict]:
    """A verdict for each comparison of baseline and candidate, in their order."""
    adjusted = holm({c.label: c.p for c in comparisons if c.p is not None})
    for one in comparisons:
        margin, p = policy.margin(one.label, abs(one.span)), adjusted.get(one.label)
        verdict = _verdict(one, p, margin, policy.alpha)
        yield TaskVerdict(one, verdict, p, margin, _why(one, verdict, margin))


def _verdict(one: TaskComparison, p: float | None, margin: float, alpha: float) -> Outcome:
    gain = one.difference.value
    if gain is None or p is None:
        return "undecided"
    if one.span < 0:
        gain = -gain
    if gain < 0 and p <= alpha:
        return "worse"
    return "ok" if one.same or _lowest(one, alpha) > -margin else "undecided"


def _lowest(one: TaskComparison, alpha: float) -> float:
    """The lower end of what the gain may be.

    Where no cluster differs the interval has no width, but of n clusters a share of
    1 - alpha^(1/n), about 3/n, may still differ (the rule of three).
    """
    if not one.differing:
        return float(-abs(one.span) * (1 - alpha ** (1 / one.clusters)))
    low, high = one.difference.low, one.difference.high
    assert low is not None and high is not None
    return low if one.span > 0 else -high


def _why(one: TaskComparison, verdict: Outcome, margin: float) -> str:
    if one.difference.value is None:
        return f"{one.headline} has no value"
    if one.p is None:
        return f"{one.clusters} cluster of questions says nothing about others"
    if one.same:
        return "every answer is the same"
    if verdict == "worse":
        return f"a loss that chance does not explain: {_moved(one)}"
    if verdict == "ok":
        return f"a loss of {figure(margin)} or more is excluded"
    detectable = (
        ""
        if one.detectable is None
        else (f"; only {figure(one.detectable)} or more would be found in these questions")
    )
    return f"a loss of {figure(margin)} is not excluded{detectable}"


def _moved(one: TaskComparison) -> str:
    """Which answers make the loss, as far as marks of single answers say so."""
    if one.lost is None:
        return f"{len(one.flips)} of {one.questions} answers marked differently"
    return f"{one.lost} answers marked lower, {one.gained} higher"


def _labels(candidate: RunStore, baseline: RunStore, wanted: Sequence[str]) -> list[str]:
    """The baseline's tasks that are wanted; the candidate must have them all."""
    known = [task.label for task in baseline.tasks()]
    chosen = [n for n in known if not wanted or n in wanted or n.partition("@")[0] in wanted]
    absent = [n for n in wanted if not any(n in (k, k.partition("@")[0]) for k in known)]
    if absent or not chosen:
        raise UsageError(
            f"{baseline.folder} has no task {', '.join(absent) or 'at all'}; "
            f"there are {', '.join(known) or 'none'}"
        )
    missing = sorted(set(chosen) - {task.label for task in candidate.tasks()})
    if missing:
        raise Incomplete(
            f"{candidate.name} was not asked {', '.join(missing)}, which the baseline has; "
            "run them, or name the tasks to judge with --tasks"
        )
    return chosen


def _points(text: str, span: float, name: str) -> float:
    try:
        margin = float(text.removesuffix("%")) * (span / 100 if text.endswith("%") else 1)
    except ValueError:
        margin = -1.0
    if not 0 <= margin < float("inf"):
        raise UsageError(f"margin of {name}: {text!r} is neither points (0.5) nor a share (1%)")
    return margin
