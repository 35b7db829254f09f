"""Asking no longer than it takes to tell whether a candidate is worse than its baseline.

Whole clusters are asked in the seeded order of `--limit`. What is followed is the difference
in right answers, each cluster's mean, between -1 and 1; `stats.sequence` says after each
whether a loss, or the absence of a loss of the margin, is proven. A task is asked to its end
where neither is, and where its answers are not marked as correct or not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lvlm_eval.abilities import Baseline, ReadsAhead
from lvlm_eval.comparable import Asked, differing
from lvlm_eval.errors import Incomplete, NotComparable
from lvlm_eval.portions import SMALLEST
from lvlm_eval.questions import Questions, in_seeded_order, seeded
from lvlm_eval.regression import Policy
from lvlm_eval.schema import Decoding, Model, Request, Response, Sample, Summary
from lvlm_eval.stats import Bets, confidence_sequence
from lvlm_eval.store import RunStore
from lvlm_eval.task_store import Decision, Outcome, TaskStore


@dataclass(frozen=True, slots=True)
class UntilDecided:
    """Against which baseline, and how sure: `policy.alpha` is shared out over the tasks."""

    baseline: RunStore
    policy: Policy
    tasks: int

    def begin(
        self, model: Model, questions: Questions, store: RunStore, wanted: Sequence[Sample]
    ) -> tuple[Model, list[Sample]]:
        """The model made to stop when the task is decided, and the questions in their order.

        Raises NotComparable and Incomplete before anything is asked.
        """
        label = questions.label
        summary, task = self._check(store, label), store.task(questions.label)
        if task.decision() is None:  # from the first question on the run is one that may stop
            task.write_decision(self._open(summary, len(questions.samples)))
        fitted = model.fit(questions.samples) if isinstance(model, Baseline) else model
        watch = Watch(questions, _correct(self.baseline.task(label)), self._bets(summary))
        for response in task.responses().values():
            if response.finish != "error":
                watch.add(response)
        return _Stopping(fitted, watch), in_seeded_order(wanted)

    def conclude(self, store: RunStore, label: str) -> Decision:
        """What the marked answers of the task say."""
        summary = store.task(label).summary()
        assert summary is not None
        bets = self._bets(summary)
        values = list(_cluster_means(store.task(label), self.baseline.task(label)))
        for value in values:
            bets.add(value)
        low, high = confidence_sequence(values, bets.alpha) if values else (None, None)
        return replace(
            self._open(summary, summary.total),
            verdict=bets.verdict or "undecided",
            difference=math.fsum(values) / len(values) if values else None,
            low=low,
            high=high,
            clusters=len(values),
            questions=summary.asked,
        )

    def _open(self, summary: Summary, total: int) -> Decision:
        """What is known before any answer."""
        bets = self._bets(summary)
        return Decision(self.baseline.name, "undecided", bets.alpha, bets.margin, total=total)

    def _bets(self, summary: Summary) -> TwoBets:
        span = abs(summary.best - summary.worst)
        return TwoBets(
            self.policy.alpha / self.tasks, self.policy.margin(summary.task, span) / span
        )

    def _check(self, store: RunStore, label: str) -> Summary:
        """The baseline's summary of the task, if it was asked alike."""
        task, name = self.baseline.task(label), self.baseline.name
        summary = task.summary() if (task.folder / "task.json").exists() else None
        if summary is None:
            raise Incomplete(f"the baseline {name} has no marked answers to {label}; run it first")
        there = Asked(name, self.baseline.run, task.task_run())
        here = Asked("the candidate", store.run, store.task(label).task_run())
        problems = list(differing(there, here, {*self.policy.allowed, "limit"}))
        if problems:
            raise NotComparable(
                f"{label}: the candidate is not comparable with {name}: {'; '.join(problems)}"
            )
        return summary


@dataclass(slots=True)
class TwoBets:
    """Bets that the candidate is worse, and that it does not fall behind by the margin.

    A verdict, once reached, stays: that is what the error rate allows.
    """

    alpha: float
    margin: float
    verdict: Outcome | None = None
    _loss: Bets = field(init=False)
    _no_loss: Bets = field(init=False)

    def __post_init__(self) -> None:
        self._loss = Bets(0.0, lower=True)
        self._no_loss = Bets(-self.margin, lower=False)

    def add(self, value: float) -> None:
        """A further cluster's mean difference, from -1 to 1."""
        self._loss.add(value)
        self._no_loss.add(value)
        enough = -math.log(self.alpha)
        if self.verdict is None and self._loss.log_capital >= enough:
            self.verdict = "worse"
        elif self.verdict is None and self._no_loss.log_capital >= enough:
            self.verdict = "ok"


class Watch:
    """Marks answers as they come; bets on each cluster in seeded order, once it is whole."""

    def __init__(self, questions: Questions, baseline: Mapping[str, float], bets: TwoBets) -> None:
        self._task, self._baseline, self._bets = questions.task, baseline, bets
        self._samples = {s.question_id: s for s in questions.samples}
        self._open: dict[str, set[str]] = {}
        for sample in in_seeded_order(questions.samples):
            self._open.setdefault(sample.cluster, set()).add(sample.question_id)
        self._gaps: dict[str, list[float]] = {cluster: [] for cluster in self._open}
        self._waiting = iter(list(self._open))
        self._next = next(self._waiting, None)

    @property
    def decided(self) -> bool:
        return self._bets.verdict is not None

    def cluster_of(self, question_id: str) -> str:
        return self._samples[question_id].cluster

    def add(self, response: Response) -> None:
        sample = self._samples[response.question_id]
        correct = self._mark(sample, response)
        if correct is not None and sample.question_id in self._baseline:
            self._gaps[sample.cluster].append(correct - self._baseline[sample.question_id])
        self._open[sample.cluster].discard(sample.question_id)
        while self._next is not None and not self._open[self._next]:
            if gaps := self._gaps[self._next]:
                self._bets.add(math.fsum(gaps) / len(gaps))
            self._next = next(self._waiting, None)

    def _mark(self, sample: Sample, response: Response) -> float | None:
        """1 for right, 0 for wrong; None where there is no such mark.

        Tasks that prepare all answers at once, or wait for a judge, are marked at the end.
        """
        later = self._task.prepare is not None or self._task.judge is not None
        if later or response.finish == "error" or sample.target is None:
            return None
        return self._task.scorer.score(sample, response).values.get("correct")


@dataclass(frozen=True, slots=True)
class _Stopping:
    """The model, which is handed no further cluster once the watch has seen enough.

    A model takes many requests before it gives the first answer, so it gets them in portions:
    of SMALLEST questions at first, then of a quarter of those asked before.
    """

    model: Model
    watch: Watch

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def stalled_seconds(self) -> float:
        return self.model.stalled_seconds if isinstance(self.model, ReadsAhead) else 0.0

    def describe(self) -> dict[str, str]:
        return self.model.describe()

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        for portion in self._portions(requests):
            if self.watch.decided:
                return
            for response in self.model.generate(self._needed(portion), decoding):
                self.watch.add(response)
                yield response

    def _portions(self, requests: Iterable[Request]) -> Iterator[list[list[Request]]]:
        """The requests by cluster, whole clusters in each portion."""
        portion: list[list[Request]] = []
        size = asked = 0
        for _, cluster in itertools.groupby(requests, key=self._cluster):
            portion.append(list(cluster))
            size += len(portion[-1])
            if size >= max(SMALLEST, asked // 4):
                yield portion
                portion, size, asked = [], 0, asked + size
        if portion:
            yield portion

    def _needed(self, portion: Iterable[Sequence[Request]]) -> Iterator[Request]:
        """The portion's requests up to the first cluster after the verdict."""
        for cluster in portion:
            if self.watch.decided:
                return
            yield from cluster

    def _cluster(self, request: Request) -> str:
        return self.watch.cluster_of(request.question_id)


def _correct(task: TaskStore) -> dict[str, float]:
    """Each marked question's "correct", of those that have one."""
    return {
        line.question_id: line.values["correct"]
        for line in task.scores()
        if "correct" in line.values
    }


def _cluster_means(candidate: TaskStore, baseline: TaskStore) -> Iterator[float]:
    """Mean differences of the clusters that both answered, in seeded order."""
    before, gaps = _correct(baseline), dict[str, list[float]]()
    for line in candidate.scores():
        if "correct" in line.values and line.question_id in before:
            gap = line.values["correct"] - before[line.question_id]
            gaps.setdefault(line.cluster, []).append(gap)
    for cluster in sorted(gaps, key=seeded):
        yield math.fsum(gaps[cluster]) / len(gaps[cluster])
