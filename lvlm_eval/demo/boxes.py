"""Where a thing of the demo's scenes is: expressions for one thing alone, and its box.

Boxes are written as lmms-eval's prompt for RefCOCO wants them: corners as shares of the picture's
sides, in square brackets.
"""

from __future__ import annotations

import numpy as np

from lvlm_eval.demo.draw import CELL, RADIUS, SIDE
from lvlm_eval.demo.facts import referable
from lvlm_eval.demo.question import Question, one_of
from lvlm_eval.demo.scene import Scene, Thing


def box(thing: Thing) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in pixels, within the picture."""
    radius = RADIUS[thing.size]
    x = CELL * (thing.column + 0.5) + thing.shift[0]
    y = CELL * (thing.row + 0.5) + thing.shift[1]
    corners = (x - radius, y - radius, x + radius, y + radius)
    left, top, right, bottom = (min(max(corner, 0.0), float(SIDE)) for corner in corners)
    return left, top, right, bottom


def written(thing: Thing) -> str:
    """The box as an answer gives it: "[0.25, 0.50, 0.38, 0.62]"."""
    return "[" + ", ".join(f"{corner / SIDE:.2f}" for corner in box(thing)) + "]"


def where(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    """The expression alone, as the data file has it; the task adds the instruction."""
    named = referable(scene)
    if not named:
        return None
    name, thing = one_of(rng, named)
    return Question(name, written(thing), "box")
