"""Pairs of things for questions about how two of them stand to each other."""

from __future__ import annotations

import numpy as np

from lvlm_eval.demo.facts import SIDES, is_beside, referable
from lvlm_eval.demo.question import one_of
from lvlm_eval.demo.scene import Scene, Thing

Named = tuple[str, Thing]  # how it is spoken of, and the thing


def two(named: list[Named], rng: np.random.Generator) -> tuple[Named, Named] | None:
    """Two different things in random order; None where fewer can be spoken of."""
    if len(named) < 2:
        return None
    first, second = (named[int(index)] for index in rng.permutation(len(named))[:2])
    return first, second


def apart(scene: Scene, rng: np.random.Generator) -> tuple[str, str, str] | None:
    """Two things and the side of the second that the first is on ("star", "left", "ring").

    They differ along the axis named, so that neither yes nor no to "left of" is a quibble.
    """
    pair = two(referable(scene), rng)
    if pair is None:
        return None
    ways = [way for way in SIDES if is_beside(pair[0][1], way, pair[1][1])]
    return (pair[0][0], one_of(rng, ways), pair[1][0]) if ways else None


def axis(way: str) -> str:
    """Which axis a side lies on, "across" or "down"."""
    return "across" if way in ("left", "right") else "down"
