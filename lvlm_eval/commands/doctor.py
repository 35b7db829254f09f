"""`lvlm-eval doctor batch|determinism`: do answers depend on what they must not?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from lvlm_eval.commands.doctor_report import Finding, Report, as_object, in_words, table
from lvlm_eval.commands.output import show, show_json
from lvlm_eval.commands.progress import Bar
from lvlm_eval.errors import UsageError
from lvlm_eval.evaluation import DEMO, Candidate, Plan, prepare
from lvlm_eval.invariance import (
    REFERENCE,
    Axes,
    Outcome,
    Quiz,
    Setting,
    ask_all,
    check_reference,
    flips,
    settings_of,
    weighed,
)
from lvlm_eval.model_spec import ModelSpec, load_model, option_names, parse_model
from lvlm_eval.plugins import select_tasks
from lvlm_eval.questions import choose
from lvlm_eval.schema import Model


@dataclass(frozen=True, slots=True)
class DoctorArguments:
    """The arguments as typed; options are the adapter's."""

    model: str
    tasks: str
    data: str | None
    cache: Path
    limit: int | None
    max_new_tokens: int | None
    options: Mapping[str, str]
    plugins: tuple[Path, ...]


def axes(batches: str, budgets: str, orders: int) -> Axes:
    """What to vary, from numbers with commas between; "" for none of a kind."""
    if orders < 0:
        raise UsageError(f"--orders must be at least 0, got {orders}")
    return Axes(_numbers("--batches", batches), _numbers("--budgets", budgets), orders)


def batch(arguments: DoctorArguments, axes: Axes, *, as_json: bool) -> None:
    """Each setting against one question at a time; exit 1 where an answer differs."""
    spec = parse_model(arguments.model, arguments.plugins)
    known = option_names(spec, arguments.plugins)
    settings, missing = settings_of(known, axes)
    first = replace(REFERENCE, options={"batch": "1"} if "batch" in known else {})
    with Bar() as bar:
        described, quizzes = _prepared(spec, arguments, bar)
        reference = _asked(_opened(spec, arguments, first), quizzes, first, bar)
        check_reference(reference)
        others = [
            _asked(_opened(spec, arguments, setting), quizzes, setting, bar) for setting in settings
        ]
        findings = _compared(reference, others, _opened(spec, arguments, first), quizzes)
    title = f"{spec.name}: answers at other batch sizes, budgets and orders"
    _end(Report(title, described, reference, findings, tuple(missing)), as_json=as_json)


def determinism(arguments: DoctorArguments, repeats: int, *, as_json: bool) -> None:
    """The same again and again in one process; exit 1 where an answer differs from the first."""
    if repeats < 2:
        raise UsageError(f"--repeats {repeats}: needs at least 2, or there is nothing to compare")
    spec = parse_model(arguments.model, arguments.plugins)
    with Bar() as bar:
        described, quizzes = _prepared(spec, arguments, bar)
        model = _opened(spec, arguments, Setting("repeat"))
        settings = [Setting(f"repeat {number}") for number in range(1, repeats + 1)]
        reference = _asked(model, quizzes, settings[0], bar)
        check_reference(reference)
        others = [_asked(model, quizzes, setting, bar) for setting in settings[1:]]
        findings = _compared(reference, others, model, quizzes)
    _end(Report(f"{spec.name}: the same again", described, reference, findings), as_json=as_json)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise UsageError(f"{option} {text!r}: must be whole numbers from 1, commas between")
    return tuple(dict.fromkeys(map(int, parts)))


def _prepared(
    spec: ModelSpec, arguments: DoctorArguments, bar: Bar
) -> tuple[Mapping[str, str], list[Quiz]]:
    """What the model is, and the questions, pictures checked."""
    demo = arguments.data == DEMO
    planned = Plan(
        candidates=(Candidate(spec),),
        tasks=tuple(select_tasks(arguments.tasks, arguments.plugins)),
        data=None if demo or arguments.data is None else Path(arguments.data),
        results=Path(),  # nothing is kept
        cache=arguments.cache,
        demo=demo,
        limit=arguments.limit,
        options=arguments.options,
        plugin_files=arguments.plugins,
    )
    (run,), questions = prepare(planned, bar)
    new = arguments.max_new_tokens
    quizzes = [
        Quiz(
            q.label,
            tuple(sample.request for sample in choose(q.samples, arguments.limit)),
            q.task.decoding if new is None else replace(q.task.decoding, max_new_tokens=new),
        )
        for q in questions
    ]
    return {**run.settings, "weights": run.weights}, quizzes


def _opened(spec: ModelSpec, arguments: DoctorArguments, setting: Setting) -> Model:
    """The model anew, with the setting's options in place of what was given."""
    changed = replace(spec, options={**spec.options, **setting.options})
    return load_model(changed, arguments.options, arguments.plugins)


def _asked(model: Model, quizzes: Sequence[Quiz], setting: Setting, bar: Bar) -> Outcome:
    """The outcome of a setting, its progress drawn."""
    total, done = sum(len(quiz.requests) for quiz in quizzes), 0
    bar(setting.name, 0, total)

    def advance(count: int) -> None:
        nonlocal done
        done += count
        bar(setting.name, done, total)

    return ask_all(model, quizzes, setting, advance)


def _compared(
    reference: Outcome, others: Sequence[Outcome], model: Model, quizzes: Sequence[Quiz]
) -> tuple[Finding, ...]:
    """What differs from the reference in each, weighed by the model."""
    requests = {(quiz.label, r.question_id): r for quiz in quizzes for r in quiz.requests}

    def finding(other: Outcome) -> Finding:
        found = flips(reference, other)
        return Finding(other, tuple(weighed(flip, model, requests[flip.key]) for flip in found))

    return tuple(map(finding, others))


def _end(report: Report, *, as_json: bool) -> None:
    if as_json:
        show_json(as_object(report))
    else:
        show(table(report))
        for line in in_words(report):
            typer.echo(line)
    if any(finding.flips for finding in report.findings):
        raise typer.Exit(1)
