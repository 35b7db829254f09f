"""Ask, mark, summarise: the three stages of a run, for one model and one task.

Each stage reads only what the one before wrote, so a stopped run goes on where it was and a
corrected scorer needs no model. Nothing here knows a task or a model by name.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lvlm_eval.errors import DataError, TooFewAnswers
from lvlm_eval.images import DigestCache, check_images
from lvlm_eval.schema import (
    JSON,
    Baseline,
    Cost,
    Decoding,
    Estimate,
    Image,
    Mode,
    Model,
    Prompt,
    Record,
    Response,
    Sample,
    Scorer,
    Summary,
    Tally,
    Task,
    TaskRun,
)
from lvlm_eval.store import digest_of_json
from lvlm_eval.task_store import ScoreLine, TaskStore

ATTEMPTS = 3  # a question whose answer fails this often is not asked again by itself
ORDER_SEED = "lvlm_eval/order/0"


@dataclass(frozen=True, slots=True)
class Questions:
    """A task's questions, read and checked, before any model is involved.

    label: the task's name, with `@demo` for the bundled data.
    samples: all of them in canonical order, with the digests of their images.
    """

    task: Task
    label: str
    samples: tuple[Sample, ...]
    data_digest: str
    image_digest: str

    def task_run(self, decoding: Decoding) -> TaskRun:
        prompts: list[JSON] = [_prompt_text(sample.prompt) for sample in self.samples]
        return TaskRun(
            self.task.name,
            self.task.version,
            self.data_digest,
            self.image_digest,
            digest_of_json(prompts),
            decoding,
            len(self.samples),
        )


def read_questions(task: Task, label: str, root: Path) -> Questions:
    """The task's questions from the data root; opens no image.

    Raises DataError where a file is missing, broken, or holds no question.
    """
    samples = tuple(task.samples(root))
    if not samples:
        raise DataError(f"{task.name}: the files under {root} hold no question")
    return Questions(task, label, samples, digest_of_json([_canonical(s) for s in samples]), "")


def read_images(
    questions: Questions, cache: DigestCache | None, progress: Callable[[int, int], None]
) -> Questions:
    """The questions with every image checked and its digest known; ImageError names the row."""
    askers = {i.path: s for s in reversed(questions.samples) for i in s.prompt.images if i.path}
    digests = check_images(
        askers, cache=cache, origin=lambda path: askers[path].origin, progress=progress
    )

    def known(image: Image) -> Image:
        if image.path is not None:
            return replace(image, digest=digests[image.path])
        return replace(image, digest=hashlib.sha256(image.data or b"").hexdigest())

    samples = tuple(replace(s, prompt=s.prompt.map_images(known)) for s in questions.samples)
    images: list[JSON] = [[i.digest for i in s.prompt.images] for s in samples]
    return replace(questions, samples=samples, image_digest=digest_of_json(images))


def choose(samples: Sequence[Sample], limit: int | None) -> list[Sample]:
    """Whole clusters in seeded order until `limit` questions are reached, in sample order.

    A higher limit contains a lower one's questions, so a run can be extended.
    """
    if limit is None or limit >= len(samples):
        return list(samples)
    sizes: dict[str, int] = {}
    for sample in samples:
        sizes[sample.cluster] = sizes.get(sample.cluster, 0) + 1
    order = sorted(sizes, key=_seeded)
    reached = itertools.accumulate((sizes[cluster] for cluster in order), initial=0)
    chosen = {cluster for cluster, before in zip(order, reached, strict=False) if before < limit}
    return [sample for sample in samples if sample.cluster in chosen]


def in_mode(samples: Sequence[Sample], mode: Mode) -> list[Sample]:
    """The samples as the mode asks them: as they are, without images, or with another's images.

    mismatched: each cluster gets the images of the next one in a seeded order.
    """
    if mode == "normal":
        return list(samples)
    if mode == "blind":
        return [replace(s, prompt=s.prompt.map_images(lambda _: None)) for s in samples]
    images = {s.cluster: s.prompt.images for s in samples if s.prompt.images}
    order = sorted(images, key=_seeded)
    if len(order) < 2:
        raise DataError("mode mismatched needs at least two images to exchange")
    donor = dict(zip(order, [*order[1:], order[0]], strict=True))

    def exchanged(sample: Sample) -> Sample:
        if not sample.prompt.images:
            return sample
        others = itertools.cycle(images[donor[sample.cluster]])
        return replace(sample, prompt=sample.prompt.map_images(lambda _: next(others)))

    return [exchanged(sample) for sample in samples]


def _seeded(cluster: str) -> bytes:
    return hashlib.sha256(f"{ORDER_SEED}/{cluster}".encode()).digest()


def pending(samples: Sequence[Sample], store: TaskStore, *, retry_failed: bool) -> list[Sample]:
    """The questions that still need an answer."""
    attempts = store.attempts()

    def open_(sample: Sample) -> bool:
        tried = attempts.get(sample.question_id, [])
        if any(response.finish != "error" for response in tried):
            return False
        return retry_failed or len(tried) < ATTEMPTS

    return [sample for sample in samples if open_(sample)]


def ask(
    model: Model,
    questions: Questions,
    wanted: Sequence[Sample],
    store: TaskStore,
    *,
    decoding: Decoding,
    progress: Callable[[int], None],
) -> None:
    """Get an answer to each wanted question, in its mode, onto the disk as it comes.

    A question that the model fails on gets a record of its own. An answer to a question that
    was not asked is the model's bug and raises ValueError.
    """
    if not wanted:
        return
    known_before = store.attempts()
    if isinstance(model, Baseline):
        model = model.fit(questions.samples)
    requests = (sample.request for sample in wanted)
    open_ids = {sample.question_id for sample in wanted}
    started, tokens = time.monotonic(), 0
    with store.writer() as writer:
        for response in model.generate(requests, decoding):
            if response.question_id not in open_ids:
                raise ValueError(f"{model.name} answered {response.question_id!r}, not asked")
            open_ids.remove(response.question_id)
            writer.add(asdict(response))
            tokens += response.new_tokens
            progress(1)
    store.add_cost(
        Cost(
            questions=len(wanted) - len(open_ids),
            new_tokens=tokens,
            seconds=round(time.monotonic() - started, 3),
            retries=sum(sample.question_id in known_before for sample in wanted),
            workers=1,
            peak_memory_mib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            device=model.describe().get("device", "cpu"),
        )
    )


def mark(
    questions: Questions, wanted: Sequence[Sample], responses: Mapping[str, Response]
) -> tuple[list[ScoreLine], Summary]:
    """Score lines in sample order and the summary, from the answers alone.

    Failed and unjudged answers leave the denominator and are counted beside it.
    """
    from lvlm_eval.stats import bootstrap

    task = questions.task
    pairs = [(s, responses[s.question_id]) for s in wanted if s.question_id in responses]
    answered = [(s, r) for s, r in pairs if r.finish != "error"]
    marked = [(s, r) for s, r in answered if s.target is not None]
    records = [Record(s, r, task.scorer.score(s, r)) for s, r in marked]
    clusters = _by_cluster(records)
    tallies = [task.scorer.tally(cluster) for cluster in clusters]
    metrics = bootstrap(tallies, task.scorer.finish) if tallies else {}
    variants = {
        name: _variant(scorer, marked)
        for name, scorer in task.variants.items()
        if name != task.primary and marked
    }
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
        certified=task.assurance,
    )
    return list(_score_lines(records, clusters, tallies)), summary


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


def _variant(scorer: Scorer, marked: Iterable[tuple[Sample, Response]]) -> Estimate:
    """Another scorer's headline, in the paper's unit."""
    from lvlm_eval.stats import bootstrap

    def headline(sums: Tally) -> dict[str, float]:
        return {"headline": scorer.scale * scorer.finish(sums).get(scorer.headline, math.nan)}

    records = [Record(s, r, scorer.score(s, r)) for s, r in marked]
    return bootstrap([scorer.tally(c) for c in _by_cluster(records)], headline)["headline"]


def _by_cluster(records: Iterable[Record]) -> list[list[Record]]:
    clusters: dict[str, list[Record]] = {}
    for record in records:
        clusters.setdefault(record.sample.cluster, []).append(record)
    return list(clusters.values())


def _score_lines(
    records: Iterable[Record], clusters: Sequence[Sequence[Record]], tallies: Sequence[Tally]
) -> Iterator[ScoreLine]:
    first = {
        cluster[0].sample.question_id: tally
        for cluster, tally in zip(clusters, tallies, strict=True)
    }
    for record in records:
        yield ScoreLine.of(record, first.get(record.sample.question_id, {}))


def _canonical(sample: Sample) -> JSON:
    """What identifies a sample wherever its files lie: no folder, no origin, no alias."""
    names = [image.path.name if image.path else image.digest for image in sample.prompt.images]
    return [
        sample.question_id,
        _prompt_text(sample.prompt),
        sample.target,
        sample.facts,
        sample.groups,
        sample.cluster,
        names,
    ]


def _prompt_text(prompt: Prompt) -> JSON:
    turns: list[JSON] = [
        [turn.role, [part if isinstance(part, str) else {"image": True} for part in turn.parts]]
        for turn in prompt.turns
    ]
    return [prompt.system, turns]
