"""Questions about scenes, and the choice of a balanced set of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np

from lvlm_eval.demo.scene import Scene

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a GQA program; `dependencies` are the indices of earlier steps."""

    operation: str
    argument: str
    dependencies: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """What GQA's files say of a question besides its text and answer.

    group:  global group, by which the distribution metric compares answers; None for yes/no.
    about:  the fact asked after; an open question entails the closed ones about the same fact.
    domain: all answers that make sense.
    """

    steps: tuple[Step, ...]
    structural: str
    semantic: str
    detailed: str
    group: str | None
    about: str
    domain: tuple[str, ...]
    full_answer: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question as the benchmark's file words it, its true answer and its kind."""

    text: str
    answer: str
    kind: str
    program: Program | None = None


# The last argument is the answer wanted of a yes/no question; open questions ignore it.
# None: the scene does not allow such a question.
Maker: TypeAlias = Callable[[Scene, np.random.Generator, bool], Question | None]


@dataclass(frozen=True, slots=True)
class Quota:
    """How many questions of a kind are wanted, and how many of them may share an answer."""

    total: int
    per_answer: int


def one_of(rng: np.random.Generator, values: Sequence[T]) -> T:
    """One of the values, all equally likely."""
    return values[int(rng.integers(len(values)))]


def coin(rng: np.random.Generator) -> bool:
    return bool(rng.integers(2))


def yes_no(answer: bool) -> str:
    return "yes" if answer else "no"


def select(
    pictures: Iterator[Scene],
    makers: Mapping[str, Maker],
    quotas: Mapping[str, Quota],
    per_scene: int,
    rng: np.random.Generator,
) -> list[tuple[Scene, list[Question]]]:
    """Scenes with the questions asked of them, until every kind's quota is met exactly.

    The kinds that lack most are asked first, and no answer of a kind exceeds its share, so
    that nothing is gained by guessing the usual answer.
    """
    chosen: list[tuple[Scene, list[Question]]] = []
    missing = {kind: quota.total for kind, quota in quotas.items()}
    given: Counter[tuple[str, str]] = Counter()
    while any(missing.values()):
        scene = next(pictures)
        asked: list[Question] = []
        for kind in sorted(missing, key=lambda name: -missing[name] / quotas[name].total):
            if len(asked) == per_scene or not missing[kind]:
                break
            question = _acceptable(scene, makers[kind], quotas[kind].per_answer, given, rng)
            if question is not None:
                asked.append(question)
                missing[kind] -= 1
                given[kind, question.answer] += 1
        if asked:
            chosen.append((scene, asked))
    return chosen


def _acceptable(
    scene: Scene,
    maker: Maker,
    per_answer: int,
    given: Counter[tuple[str, str]],
    rng: np.random.Generator,
) -> Question | None:
    """A question whose answer's share is not used up; two tries, wanting no and yes."""
    first = coin(rng)
    for wanted in (first, not first):
        question = maker(scene, rng, wanted)
        if question and given[question.kind, question.answer] < per_answer:
            return question
    return None
