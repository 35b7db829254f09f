"""Multiple choice about the demo's scenes, in five of SEED-Bench's dimensions.

An open question of VQAv2's kinds with four options: the truth and three others that would make
sense. Which letter is right is drawn evenly, so that no letter is worth guessing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lvlm_eval.demo import vqav2
from lvlm_eval.demo.question import Maker, Question, Quota
from lvlm_eval.demo.scene import COLORS, DIGITS, SHAPES, WORDS, Scene

LETTERS = "ABCD"
# What could be the answer, and SEED-Bench's number of the dimension, by kind.
_KINDS: Mapping[str, tuple[Sequence[str], int]] = {
    "shape": (SHAPES, 2),
    "color": (COLORS, 3),
    "count": (("1", "2", "3", "4"), 5),
    "neighbour": (SHAPES, 6),
    "word": (WORDS, 9),
    "number": (DIGITS, 9),
}
DIMENSIONS: Mapping[str, int] = {kind: number for kind, (_, number) in _KINDS.items()}
OPEN: Mapping[str, Maker] = {kind: vqav2.MAKERS[kind] for kind in _KINDS}
QUOTAS: Mapping[str, Quota] = {
    "shape": Quota(40, 8),
    "color": Quota(40, 8),
    "count": Quota(40, 12),
    "neighbour": Quota(32, 8),
    "word": Quota(24, 4),
    "number": Quota(24, 4),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A question with its options in order; the right one's letter."""

    question: Question
    options: tuple[str, ...]
    letter: str

    @property
    def text(self) -> str:
        """The question, then a line for each option."""
        lines = (f"{letter}. {o}" for letter, o in zip(LETTERS, self.options, strict=True))
        return "\n".join((self.question.text, *lines))


def choice(question: Question, rng: np.random.Generator) -> Choice | None:
    """The question with three other options; None if its answer is none of the kind's."""
    domain, _ = _KINDS[question.kind]
    if question.answer not in domain:
        return None
    others = [value for value in domain if value != question.answer]
    drawn = [others[int(i)] for i in rng.permutation(len(others))[: len(LETTERS) - 1]]
    place = int(rng.integers(len(LETTERS)))
    return Choice(question, (*drawn[:place], question.answer, *drawn[place:]), LETTERS[place])


def _with_options(kind: str) -> Maker:
    def make(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
        question = OPEN[kind](scene, rng, yes)
        made = choice(question, rng) if question else None
        return None if made is None else Question(made.text, made.letter, "choice")

    return make


# Of each kind who asks it with options: the text has them, and the answer is a letter.
MAKERS: Mapping[str, Maker] = {kind: _with_options(kind) for kind in _KINDS}
