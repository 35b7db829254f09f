"""A whole evaluation: several models, several tasks, from their names to marked stores.

All that can be wrong with the input is found before anything is written: models are opened,
data read and every image checked; only then are folders made and questions asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lvlm_eval.abilities import Sized
from lvlm_eval.errors import MissingData, UsageError
from lvlm_eval.hub_cache import revision_of
from lvlm_eval.images import DigestCache
from lvlm_eval.judging import Judge, demand_judge
from lvlm_eval.model_spec import ModelSpec, load_model
from lvlm_eval.placement import Place
from lvlm_eval.provenance import provenance_now
from lvlm_eval.questions import Questions, choose, in_mode, read_images, read_questions
from lvlm_eval.run import (
    ask,
    check_answers,
    check_verdicts,
    mark,
    pending,
    retries,
    routing_kept,
    untraced,
)
from lvlm_eval.schema import JSON, Decoding, Mode, Response, Run, Sample, Summary, Task
from lvlm_eval.sequential import UntilDecided
from lvlm_eval.store import RunStore

Progress = Callable[[str, int, int], None]  # what is going on, how much is done, of how much
DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model to evaluate and the mode to ask it in."""

    spec: ModelSpec
    mode: Mode = "normal"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one command asks for.

    data: the data root; None with `demo`.
    options: adapter options given for all models, e.g. dtype.
    overrides: fields of Decoding that replace the tasks' own.
    judge: who marks the answers to judged tasks.
    max_failures, max_unparsed: shares above which the command fails.
    place: of this process among several, see replicas.py.
    until: a baseline; tasks are asked no longer than it takes to tell who is better.
    """

    candidates: tuple[Candidate, ...]
    tasks: tuple[Task, ...]
    data: Path | None
    results: Path
    cache: Path
    demo: bool = False
    limit: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, JSON] = field(default_factory=dict)
    max_failures: float = 0.005
    max_unparsed: float | None = None
    retry_failed: bool = False
    plugin_files: tuple[Path, ...] = ()
    place: Place | None = None
    until: UntilDecided | None = None
    judge: Judge | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit must be at least 1, got {self.limit}")


def evaluate(plan: Plan, progress: Progress) -> list[RunStore]:
    """The stores of all candidates, asked, marked and summarised.

    What is already on disk is not asked again.
    """
    stores, questions = begin(plan, progress)
    _ask_all(stores, questions, plan, progress)
    finish(stores, questions, plan)
    return stores


def begin(plan: Plan, progress: Progress) -> tuple[list[RunStore], list[Questions]]:
    """The stores of all candidates, made or found, and all questions; all input is checked."""
    runs, questions = prepare(plan, progress)
    stores = [
        _create(run, candidate, questions, plan)
        for run, candidate in zip(runs, plan.candidates, strict=True)
    ]
    return stores, questions


def unanswered(
    stores: Sequence[RunStore], questions: Sequence[Questions], plan: Plan
) -> dict[tuple[int, int], list[Sample]]:
    """What is still to be asked, by the places of store and questions."""
    return {
        (s, t): pending(
            choose(in_mode(q.samples, store.run.mode), plan.limit),
            store.task(q.label),
            retry_failed=plan.retry_failed,
        )
        for s, store in enumerate(stores)
        for t, q in enumerate(questions)
    }


def finish(stores: Sequence[RunStore], questions: Sequence[Questions], plan: Plan) -> None:
    """Marks and summarises all that was answered."""
    for store in stores:
        for q in questions:
            judge_answers(store, q, plan.judge)
            summarise(store, q, _wanted(store, q, plan))


def _wanted(store: RunStore, questions: Questions, plan: Plan) -> list[Sample]:
    """The questions that the plan asks for, and those answered before: a lower limit than an
    earlier command's takes nothing away. Until a decision, those that were asked for it."""
    chosen: set[str] = set()
    if plan.until is None:
        chosen = {sample.question_id for sample in choose(questions.samples, plan.limit)}
    known = chosen | store.task(questions.label).attempts().keys()
    return [sample for sample in questions.samples if sample.question_id in known]


def prepare(plan: Plan, progress: Progress) -> tuple[list[Run], list[Questions]]:
    """What is to be asked of which model, all input checked; writes nothing."""
    demand_judge(plan.tasks, plan.judge)
    runs = [_describe(candidate, plan) for candidate in plan.candidates]
    return runs, [_checked(task, plan, progress) for task in plan.tasks]


def allowed(stores: Sequence[RunStore], plan: Plan) -> None:
    """Raises TooFewAnswers if too many questions of a task have no valid answer."""
    for store in stores:
        for task in plan.tasks:
            summary = store.task(label_of(task, plan.demo)).summary()
            assert summary is not None
            check_answers(summary, plan.max_failures, plan.max_unparsed)
            if task.judge:
                check_verdicts(summary, plan.max_failures)


def label_of(task: Task, demo: bool) -> str:
    """The task's name; bundled data is marked wherever it appears."""
    return f"{task.name}@{DEMO}" if demo else task.name


def judge_answers(store: RunStore, questions: Questions, judge: Judge | None) -> None:
    """Have the answers to a judged task judged, and keep what was said beside them."""
    if questions.task.judge is None or judge is None:
        return
    task_store = store.task(questions.label)
    responses = task_store.responses()
    pairs = [
        (sample, untraced(responses[sample.question_id]))
        for sample in questions.samples
        if sample.question_id in responses and responses[sample.question_id].finish != "error"
    ]
    task_store.write_verdicts(judge.verdicts(questions.task, pairs))


def summarise(
    store: RunStore,
    questions: Questions,
    wanted: Sequence[Sample],
    responses: Mapping[str, Response] | None = None,
) -> Summary:
    """Mark what is on disk and write scores and summary.

    responses: what is on disk, where the caller has just written it.
    """
    task_store = store.task(questions.label)
    answers = task_store.responses() if responses is None else responses
    lines, summary = mark(questions, wanted, answers, task_store.verdicts())
    task_store.write_scores(lines)
    task_store.write_summary(summary)
    return summary


def questions_of(task: Task, data: Path | None, demo: bool, cache: Path) -> Questions:
    """The task's questions from the data root or the bundled data; opens no image."""
    label = label_of(task, demo)
    if demo:
        from lvlm_eval.demo.root import demo_root

        return read_questions(task, label, demo_root(cache))
    if data is None:
        try:
            read_questions(task, label, Path("DATA"))
        except MissingData as error:
            raise MissingData(f"no data root: give --data DATA (or --data demo); {error}") from None
        raise UsageError("no data root: give --data DIR, or --data demo for the bundled data")
    if not data.is_dir():
        raise MissingData(f"data root {data} is no folder; give --data DIR, or --data demo")
    return read_questions(task, label, data)


def _checked(task: Task, plan: Plan, progress: Progress) -> Questions:
    questions = questions_of(task, plan.data, plan.demo, plan.cache)
    cache = DigestCache(plan.cache / "images.sqlite")
    return read_images(
        questions,
        cache,
        lambda done, total: progress(f"checking images of {questions.label}", done, total),
    )


def _describe(candidate: Candidate, plan: Plan) -> Run:
    """What the candidate's run is: opens the model without reading its weights."""
    spec = candidate.spec
    model = load_model(spec, plan.options, plan.plugin_files, plan.place)
    settings = model.describe()
    Decoding(**plan.overrides)  # type: ignore[arg-type]  # a bad value is found here
    return Run(
        model=spec.name,
        adapter=spec.adapter,
        settings={k: v for k, v in settings.items() if k not in ("weights", "revision")},
        weights=settings.get("weights", ""),
        mode=candidate.mode,
        overrides=plan.overrides,
        judge=plan.judge.name if plan.judge else "",
    )


def _create(run: Run, candidate: Candidate, questions: Sequence[Questions], plan: Plan) -> RunStore:
    """The run's store. The hub's commit is provenance: the digest says whether weights changed."""
    revision = revision_of(candidate.spec.location)
    provenance = provenance_now() | ({"revision": revision} if revision else {})
    model = load_model(candidate.spec, plan.options, plan.plugin_files, plan.place)
    if isinstance(model, Sized):
        provenance["model"] = model.size()
    store = RunStore.create(plan.results, run, provenance)
    for q in questions:
        store.task(q.label).begin(q.task_run(decoding_of(q, plan)))
    return store


def decoding_of(questions: Questions, plan: Plan) -> Decoding:
    """The task's decoding, with what the plan replaces."""
    return replace(questions.task.decoding, **plan.overrides)  # type: ignore[arg-type]


def _ask_all(
    stores: Sequence[RunStore], questions: Sequence[Questions], plan: Plan, progress: Progress
) -> None:
    """Ask each model in turn, each loaded once and dropped before the next."""
    todo = unanswered(stores, questions, plan)
    total = sum(map(len, todo.values()))
    done = 0
    for s, (store, candidate) in enumerate(zip(stores, plan.candidates, strict=True)):
        if not any(todo[s, t] for t in range(len(questions))):
            continue
        model = load_model(candidate.spec, plan.options, plan.plugin_files)
        for t, q in enumerate(questions):
            if not (wanted := todo[s, t]):
                continue
            what = f"{store.run.model} · {q.label}"
            progress(what, done, total)

            def advance(count: int, what: str = what) -> None:
                nonlocal done
                done += count
                progress(what, done, total)

            task_store, asked = store.task(q.label), model
            if plan.until is not None:
                asked, wanted = plan.until.begin(model, q, store, wanted)
            again, decoding = retries(wanted, task_store), decoding_of(q, plan)
            with task_store.writer() as writer, routing_kept(model, task_store):
                cost = ask(asked, q, wanted, writer, decoding=decoding, progress=advance)
            task_store.add_cost(replace(cost, retries=again))
