"""Whether an answer depends on what it must not: its company, its turn, how often it is asked.

The same questions under several settings, compared with a reference, without a tensor. Two
answers are the same where text, end and number of tokens are, and the tokens where they are known.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lvlm_eval.abilities import Streams
from lvlm_eval.errors import TooFewAnswers
from lvlm_eval.schema import Decoding, Model, Request
from lvlm_eval.tracing import Rival, Traced, Traces

Key = tuple[str, str]  # a task's label and a question_id of it
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Quiz:
    """Questions of one task, in the task's order, and how they are answered."""

    label: str
    requests: tuple[Request, ...]
    decoding: Decoding


@dataclass(frozen=True, slots=True)
class Setting:
    """A way of asking all questions.

    options: of the adapter. order: seed of the order, None for the tasks' own. alone: each
    question is a call by itself, so that nothing can be shared.
    """

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    order: int | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Axes:
    """What is varied: sequences at once, token budgets, how many seeded orders."""

    batches: tuple[int, ...] = (1, 2, 8, 32)
    budgets: tuple[int, ...] = (1000, 8000)
    orders: int = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """All answers under a setting, and the seconds they took, loading apart."""

    setting: Setting
    answers: Mapping[Key, Traced]
    seconds: float


@dataclass(frozen=True, slots=True)
class Flip:
    """An answer that is not the reference's.

    place: of the first token (from 0) that differs; None where tokens are not known.
    rivals: there, the reference's token and the other's, weighed by the reference.
    """

    key: Key
    reference: Traced
    other: Traced
    place: int | None = None
    rivals: tuple[Rival, ...] = ()

    @property
    def margin(self) -> float | None:
        """By how much the reference preferred its own token, in logits."""
        logits = [rival.logit for rival in self.rivals]
        if len(logits) != 2 or logits[0] is None or logits[1] is None:
            return None
        return logits[0] - logits[1]


REFERENCE = Setting("one at a time", alone=True)


def settings_of(known: Collection[str], axes: Axes) -> tuple[list[Setting], list[str]]:
    """What to try with an adapter that has these options, and what cannot be tried and why."""
    missing = []
    sizes: Sequence[int] = axes.batches
    if "batch" not in known:
        missing.append("no option `batch`: all questions are given at once, at its own batch size")
        sizes = ()
    found = [Setting(f"batch {size}", {"batch": str(size)}) for size in sizes]
    largest = {"batch": str(max(sizes))} if sizes else {}
    together = f"batch {max(sizes)}" if sizes else "all at once"
    found += [] if sizes else [Setting(together)]
    found += [
        Setting(f"{together}, order {seed}", largest, order=seed)
        for seed in range(1, axes.orders + 1)
    ]
    if "batch_tokens" in known:
        found += [
            Setting(f"{together}, {budget} tokens", {**largest, "batch_tokens": str(budget)})
            for budget in axes.budgets
        ]
    elif axes.budgets:
        missing.append("no option `batch_tokens`: no token budgets")
    if "reuse" in known:
        found.append(Setting(f"{together}, reuse off", {**largest, "reuse": "off"}))
    else:
        missing.append("no option `reuse`: prefixes are shared wherever the model shares them")
    return found, missing


def ask_all(
    model: Model, quizzes: Sequence[Quiz], setting: Setting, advance: Advance = lambda count: None
) -> Outcome:
    """Every question's answer under the setting; TooFewAnswers if one has none."""
    if isinstance(model, Streams):
        model.prepare()
    started, answers = time.monotonic(), dict[Key, Traced]()
    for quiz in quizzes:
        for traced in _answers(model, quiz, setting):
            answers[quiz.label, traced.response.question_id] = traced
            advance(1)
    seconds = time.monotonic() - started
    asked = {(quiz.label, request.question_id) for quiz in quizzes for request in quiz.requests}
    if answers.keys() != asked:
        (label, name), *_ = sorted(answers.keys() ^ asked)
        raise TooFewAnswers(f"{setting.name}: {label} {name!r} was not asked or has no answer")
    return Outcome(setting, answers, seconds)


def _answers(model: Model, quiz: Quiz, setting: Setting) -> Iterator[Traced]:
    ordered = list(quiz.requests)
    if setting.order is not None:
        ordered.sort(key=lambda request: _drawn(setting.order, quiz.label, request.question_id))
    for batch in [[request] for request in ordered] if setting.alone else [ordered]:
        yield from _traced(model, batch, quiz.decoding)


def _drawn(*names: object) -> bytes:
    return hashlib.sha256("/".join(map(str, names)).encode()).digest()


def _traced(model: Model, requests: Iterable[Request], decoding: Decoding) -> Iterator[Traced]:
    if isinstance(model, Traces):
        yield from model.trace(requests, decoding)
    else:
        yield from map(Traced, model.generate(requests, decoding))


def check_reference(outcome: Outcome) -> None:
    """TooFewAnswers where the reference itself failed: nothing can be compared with that."""
    failed = [traced.response for traced in outcome.answers.values() if traced.response.error]
    if failed:
        raise TooFewAnswers(
            f"{outcome.setting.name}: {len(failed)} of {len(outcome.answers)} questions failed, "
            f"so there is nothing to compare with; {failed[0].question_id!r}: {failed[0].error}"
        )


def flips(reference: Outcome, other: Outcome) -> list[Flip]:
    """The answers that differ, in the reference's order."""
    pairs = ((key, answer, other.answers[key]) for key, answer in reference.answers.items())
    return [Flip(key, mine, its, parting(mine, its)) for key, mine, its in pairs if mine != its]


def parting(one: Traced, other: Traced) -> int | None:
    """The first place where tokens differ; None where one of the answers has none there."""
    pairs = zip(one.token_ids, other.token_ids, strict=False)
    return next((place for place, (mine, its) in enumerate(pairs) if mine != its), None)


def weighed(flip: Flip, model: Model, request: Request) -> Flip:
    """The flip with its two tokens weighed by the model, where it can."""
    if flip.place is None or not isinstance(model, Traces):
        return flip
    so_far = flip.reference.token_ids[: flip.place]
    pair = [answer.token_ids[flip.place] for answer in (flip.reference, flip.other)]
    return replace(flip, rivals=model.weigh(request, so_far, pair))
