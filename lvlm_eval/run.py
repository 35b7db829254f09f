"""Ask, mark, summarise: the three stages of a run, for one model and one task.

Each stage reads only what the one before wrote, so a stopped run goes on where it was and a
corrected scorer needs no model. Nothing here knows a task or a model by name.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial

from lvlm_eval.abilities import Baseline, CountsExperts, ReadsAhead
from lvlm_eval.answers.traces import is_refusal, without_trace
from lvlm_eval.durable import LineWriter
from lvlm_eval.errors import TooFewAnswers
from lvlm_eval.judging import judged
from lvlm_eval.questions import Questions
from lvlm_eval.schema import (
    JSON,
    Answered,
    Cost,
    Decoding,
    Estimate,
    Model,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Summary,
    Tally,
    Task,
    Verdict,
)
from lvlm_eval.task_store import TaskStore, score_line

ATTEMPTS = 3  # a question whose answer fails this often is not asked again by itself


def pending(samples: Sequence[Sample], store: TaskStore, *, retry_failed: bool) -> list[Sample]:
    """The questions that still need an answer."""
    attempts = store.attempts()

    def open_(sample: Sample) -> bool:
        tried = attempts.get(sample.question_id, [])
        if any(response.finish != "error" for response in tried):
            return False
        return retry_failed or len(tried) < ATTEMPTS

    return [sample for sample in samples if open_(sample)]


def retries(wanted: Sequence[Sample], store: TaskStore) -> int:
    """How many of these have been asked before, in vain."""
    known = store.attempts()
    return sum(sample.question_id in known for sample in wanted)


def ask(
    model: Model,
    questions: Questions,
    wanted: Sequence[Sample],
    writer: LineWriter,
    *,
    decoding: Decoding,
    progress: Callable[[int], None],
) -> Cost:
    """Get an answer to each wanted question, in its mode, onto the disk as it comes.

    A question that the model fails on gets a record of its own. An answer to a question that
    was not asked is the model's bug and raises ValueError.
    """
    if isinstance(model, Baseline):
        model = model.fit(questions.samples)
    requests = (sample.request for sample in wanted)
    open_ids = {sample.question_id for sample in wanted}
    started, tokens, stalled = time.monotonic(), 0, _stalled(model)
    for response in model.generate(requests, decoding):
        if response.question_id not in open_ids:
            raise ValueError(f"{model.name} answered {response.question_id!r}, not asked")
        open_ids.remove(response.question_id)
        writer.add(asdict(response))
        tokens += response.new_tokens
        progress(1)
    return Cost(
        questions=len(wanted) - len(open_ids),
        new_tokens=tokens,
        seconds=round(time.monotonic() - started, 3),
        retries=0,
        workers=1,
        peak_memory_mib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        device=model.describe().get("device", "cpu"),
        stalled_seconds=round(_stalled(model) - stalled, 3),
    )


def _stalled(model: Model) -> float:
    return model.stalled_seconds if isinstance(model, ReadsAhead) else 0.0


@contextmanager
def routing_kept(model: Model, store: TaskStore, worker: str = "") -> Iterator[None]:
    """Adds what the model's experts served meanwhile to the task's folder, if it counts that;
    also where it ends early."""
    try:
        yield
    finally:
        if isinstance(model, CountsExperts) and (served := model.take_served()):
            store.add_routing(served, worker)


def mark(
    questions: Questions,
    wanted: Sequence[Sample],
    responses: Mapping[str, Response],
    verdicts: Mapping[str, Verdict] | None = None,
) -> tuple[Iterator[dict[str, JSON]], Summary]:
    """Score lines in sample order, made as they are taken, and the summary, from the answers alone.

    Failed and unjudged answers leave the denominator and are counted beside it. verdicts: of a
    judged task, by question.
    """
    task = questions.task
    pairs = [(s, responses[s.question_id]) for s in wanted if s.question_id in responses]
    answered = [(s, r) for s, r in pairs if r.finish != "error"]
    traced = {r.question_id for _, r in answered if without_trace(r.text)[1]}
    bare = [(s, untraced(r) if r.question_id in traced else r) for s, r in answered]
    marked = [(s, r) for s, r in bare if s.target is not None]
    if task.judge is not None:
        marked = judged(marked, verdicts or {})
    marked = list(task.prepared(marked))
    records = [Record(s, r, _read(task.scorer.score(s, r), r, traced)) for s, r in marked]
    clusters = _by_cluster(records)
    tallies = _tallies(task, clusters)
    metrics, variants = _estimates(task, tallies) if records else ({}, {})
    summary = Summary(
        task=questions.label,
        version=task.version,
        headline=task.scorer.headline,
        scale=task.scorer.scale,
        metrics=metrics,
        variants=variants,
        why={name: task.variants[name].why for name in variants},
        shown=task.shown,
        absent=tuple(name for name in task.expected if name not in metrics),
        n=len(records),
        asked=len(wanted),
        total=len(questions.samples),
        failed=len(pairs) - len(answered),
        unparsed=sum(record.score.answer is None for record in records),
        unjudged=len(answered) - len(marked),
        cut=sum(response.finish == "length" for _, response in answered),
        refused=sum(is_refusal(record.response.text) for record in records),
        traced=len(traced),
        certified=task.assurance,
        clusters=len(clusters),
        worst=task.scorer.worst,
        best=task.scorer.best,
    )
    return _score_lines(records, clusters, tallies[task.primary]), summary


def untraced(response: Response) -> Response:
    """The response with its answer alone, as scorers and judges get it."""
    return replace(response, text=without_trace(response.text)[0])


def _read(score: Score, response: Response, traced: Collection[str]) -> Score:
    """The score, which also says where reasoning was taken off before the answer was read."""
    if response.question_id not in traced:
        return score
    return replace(score, read=f"{score.read}, behind its reasoning".lstrip(", "))


def check_answers(summary: Summary, max_failures: float, max_unparsed: float | None) -> None:
    """TooFewAnswers if a question has no answer at all, or too large a share failed or could
    not be read."""
    missing = summary.asked - summary.n - summary.failed - summary.unjudged
    if missing:
        raise TooFewAnswers(
            f"{summary.task}: {missing} of {summary.asked} questions have no answer; the score "
            "stands on the others alone"
        )
    if summary.failed > max_failures * summary.asked:
        raise TooFewAnswers(
            f"{summary.task}: {summary.failed} of {summary.asked} questions failed, more than "
            f"--max-failures {max_failures:.1%} allows; the same command asks them again"
        )
    if max_unparsed is not None and summary.unparsed > max_unparsed * summary.n:
        raise TooFewAnswers(
            f"{summary.task}: nothing could be read from {summary.unparsed} of {summary.n} "
            f"answers, more than --max-unparsed {max_unparsed:.1%} allows"
        )


def check_verdicts(summary: Summary, max_failures: float) -> None:
    """TooFewAnswers if too large a share of a judged task's answers has no verdict."""
    if summary.unjudged > max_failures * summary.asked:
        raise TooFewAnswers(
            f"{summary.task}: {summary.unjudged} of {summary.asked} answers are unjudged, more "
            f"than --max-failures {max_failures:.1%} allows; `lvlm-eval score RUN --judge` takes "
            "further replies of the same judge"
        )


def _tallies(task: Task, clusters: Iterable[Sequence[Record]]) -> dict[str, list[Tally]]:
    """The sums of each cluster by each scorer, of all but the task's own those that their
    headlines need. All scorers on one cluster: what they read is near the processor then."""
    found: dict[str, list[Tally]] = {name: [] for name in task.variants}
    for records in clusters:
        pairs = [(record.sample, record.response) for record in records]
        for name, scorer in task.variants.items():
            own = name == task.primary
            found[name].append(scorer.tally(records) if own else _brief(scorer, pairs))
    return found


def _brief(scorer: Scorer, pairs: Sequence[Answered]) -> Tally:
    if scorer.brief is not None:
        return scorer.brief(pairs)
    return scorer.tally([Record(s, r, scorer.score(s, r)) for s, r in pairs])


def _estimates(
    task: Task, tallies: Mapping[str, Sequence[Tally]]
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """The task's metrics, and the other scorers' headlines in the paper's unit."""
    from lvlm_eval.stats import bootstrap_all

    finish: dict[str, Callable[[Tally], dict[str, float]]] = {
        name: partial(_headline, scorer) for name, scorer in task.variants.items()
    }
    finish[task.primary] = task.scorer.finish
    found = bootstrap_all({name: (sums, finish[name]) for name, sums in tallies.items()})
    metrics = found.pop(task.primary)
    return metrics, {name: estimates["headline"] for name, estimates in found.items()}


def _headline(scorer: Scorer, sums: Tally) -> dict[str, float]:
    return {"headline": scorer.scale * scorer.finish(sums).get(scorer.headline, math.nan)}


def _by_cluster(records: Iterable[Record]) -> list[list[Record]]:
    clusters: dict[str, list[Record]] = {}
    for record in records:
        clusters.setdefault(record.sample.cluster, []).append(record)
    return list(clusters.values())


def _score_lines(
    records: Iterable[Record], clusters: Sequence[Sequence[Record]], tallies: Sequence[Tally]
) -> Iterator[dict[str, JSON]]:
    first = {
        cluster[0].sample.question_id: tally
        for cluster, tally in zip(clusters, tallies, strict=True)
    }
    for record in records:
        yield score_line(record, first.get(record.sample.question_id, {}))
