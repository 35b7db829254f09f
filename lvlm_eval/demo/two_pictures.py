"""Questions about two of the demo's scenes at once: which of them shows a thing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lvlm_eval.demo.choice import LETTERS, Choice
from lvlm_eval.demo.question import Question, one_of
from lvlm_eval.demo.scene import SHAPES, Scene

OPTIONS = ("the first", "the second", "both", "neither")
_FORMS = (
    "Which picture shows a {}?",
    "Which of the two pictures has a {} in it?",
    "In which picture is there a {}?",
)


def which(pair: Sequence[Scene], rng: np.random.Generator, letter: str) -> Choice | None:
    """A question whose answer is the option of that letter; None if no shape allows it."""
    first, second = ({thing.shape for thing in scene.things} for scene in pair)
    fitting = {
        "A": first - second,
        "B": second - first,
        "C": first & second,
        "D": set(SHAPES) - first - second,
    }[letter]
    if not fitting:
        return None
    text = one_of(rng, _FORMS).format(one_of(rng, sorted(fitting)))
    return Choice(Question(text, OPTIONS[LETTERS.index(letter)], "which picture"), OPTIONS, letter)
