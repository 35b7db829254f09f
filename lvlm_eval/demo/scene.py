"""Scenes of the demo's little world: coloured shapes and signs on a grid of 4 x 4 cells.

A scene is plain values; `draw.py` makes a picture of it and `facts.py` says what is true in it.
Which scenes are for evaluation is decided by their content alone (`held_out`), so a scene of
the evaluation data can never be met in training, whatever the seeds.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

GRID = 4
COLORS = ("red", "green", "blue", "yellow", "purple", "orange", "white", "black")
SIZES = ("small", "large")
WORDS = ("cat", "sun", "box", "map", "ice", "bus", "key", "pen", "hat", "egg")
DIGITS = tuple(str(digit) for digit in range(10))
SUMS = tuple(f"{left}+{right}" for left in range(1, 5) for right in range(1, 5))
SIGN = "sign"

# Some shapes are common and some keep company with others, as objects of photographs do:
# without that POPE's popular and adversarial negatives would be nothing but random ones.
FREQUENCY = {
    "circle": 5,
    "square": 5,
    "triangle": 4,
    "star": 4,
    "heart": 3,
    "cross": 3,
    "diamond": 2,
    "ring": 2,
}
COMPANION = {
    "circle": "ring",
    "ring": "circle",
    "square": "diamond",
    "diamond": "square",
    "triangle": "cross",
    "cross": "triangle",
    "star": "heart",
    "heart": "star",
}
COMPANY = 3.0
SHAPES = tuple(FREQUENCY)

SIGN_SHARE = 0.4
REPEAT_SHARE = 0.25
COUNTS = (0.08, 0.22, 0.35, 0.35)  # one to four things and signs
HELD_OUT_OF = 8  # one content in eight belongs to the evaluation data


@dataclass(frozen=True, slots=True)
class Thing:
    """A shape in a cell; `shift` moves it off the cell's centre, in pixels (right, down)."""

    shape: str
    color: str
    size: str
    row: int
    column: int
    shift: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Sign:
    """A white plate over two cells, `column` the left one, with a word, digit or sum on it."""

    text: str
    row: int
    column: int
    shift: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture shows. `backdrop` is a grey level, 0 to 255."""

    things: tuple[Thing, ...]
    sign: Sign | None = None
    backdrop: int = 128


def content(scene: Scene) -> str:
    """What is where, in an order of its own: equal for pictures that say the same."""
    things = sorted(f"{t.row}{t.column} {t.size} {t.color} {t.shape}" for t in scene.things)
    sign = scene.sign
    written = [] if sign is None else [f"{sign.row}{sign.column} {SIGN} {sign.text}"]
    return "; ".join(things + written)


def held_out(scene: Scene) -> bool:
    """Whether the scene is for evaluation only."""
    return zlib.crc32(content(scene).encode()) % HELD_OUT_OF == 0


def scenes(rng: np.random.Generator, *, evaluation: bool) -> Iterator[Scene]:
    """Endless scenes of one side of the division."""
    while True:
        scene = any_scene(rng)
        if held_out(scene) == evaluation:
            yield scene


def any_scene(rng: np.random.Generator) -> Scene:
    """A scene of either side: up to four things, a sign counting as one, never a sign alone."""
    total = 1 + _weighted(rng, COUNTS)
    sign = _any_sign(rng) if rng.random() < SIGN_SHARE else None
    taken = set() if sign is None else {sign.row * GRID + sign.column + i for i in (0, 1)}
    free = [int(cell) for cell in rng.permutation(GRID * GRID) if int(cell) not in taken]
    things: list[Thing] = []
    for cell in free[: max(total - (sign is not None), 1)]:
        shape = _next_shape(rng, [thing.shape for thing in things])
        color, size = _one_of(rng, COLORS), _one_of(rng, SIZES)
        things.append(Thing(shape, color, size, cell // GRID, cell % GRID, _shift(rng)))
    return Scene(tuple(things), sign, int(rng.integers(100, 151)))


def _any_sign(rng: np.random.Generator) -> Sign:
    text = _one_of(rng, (WORDS, DIGITS, SUMS)[int(rng.integers(3))])
    return Sign(text, int(rng.integers(GRID)), int(rng.integers(GRID - 1)), _shift(rng))


def _next_shape(rng: np.random.Generator, present: Sequence[str]) -> str:
    if present and rng.random() < REPEAT_SHARE:
        return present[-1]
    company = {COMPANION[shape] for shape in present}
    weights = [FREQUENCY[shape] * (COMPANY if shape in company else 1.0) for shape in SHAPES]
    return SHAPES[_weighted(rng, weights)]


def _shift(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(-2, 3)), int(rng.integers(-1, 2))


def _one_of(rng: np.random.Generator, values: Sequence[str]) -> str:
    return values[int(rng.integers(len(values)))]


def _weighted(rng: np.random.Generator, weights: Sequence[float]) -> int:
    point = rng.random() * sum(weights)
    for index, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return index
    return len(weights) - 1
