"""VQAv2's questions about the demo's scenes: yes/no, numbers and short answers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lvlm_eval.demo.facts import (
    OPPOSITE,
    PHRASES,
    SIDES,
    beside,
    half,
    matching,
    plural,
    referable,
)
from lvlm_eval.demo.pairs import apart
from lvlm_eval.demo.question import Maker, Question, Quota, one_of, yes_no
from lvlm_eval.demo.scene import COLORS, DIGITS, SHAPES, WORDS, Scene, Thing


def color(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    named = referable(scene, without=("color",))
    if not named:
        return None
    name, thing = one_of(rng, named)
    form = one_of(rng, ("What color is the {}?", "What is the color of the {}?"))
    return Question(form.format(name), thing.color, "color")


def shape(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    alone = [thing for thing in scene.things if len(matching(scene, color=thing.color)) == 1]
    if not alone:
        return None
    thing = one_of(rng, alone)
    form = one_of(rng, ("What is the {} shape?", "What shape is {}?"))
    return Question(form.format(thing.color), thing.shape, "shape")


def count(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    """How many of a shape, of a colour, or of all; now and then of something absent."""
    present = rng.random() < 0.85
    ask = int(rng.integers(3))
    if ask == 0:
        name = one_of(rng, scene.things).shape if present else one_of(rng, SHAPES)
        noun, number = plural(name), len(matching(scene, shape=name))
    elif ask == 1:
        name = one_of(rng, scene.things).color if present else one_of(rng, COLORS)
        noun, number = f"{name} shapes", len(matching(scene, color=name))
    else:
        noun, number = "shapes", len(scene.things)
    form = one_of(rng, ("How many {} are there?", "How many {} are in the picture?"))
    return Question(form.format(noun), str(number), "count")


def number(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    if scene.sign is None or scene.sign.text not in DIGITS:
        return None
    forms = ("What number is on the sign?", "What number is written on the sign?")
    return Question(one_of(rng, forms), scene.sign.text, "number")


def word(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    if scene.sign is None or scene.sign.text not in WORDS:
        return None
    forms = ("What does the sign say?", "What word is on the sign?", "What is written on the sign?")
    return Question(one_of(rng, forms), scene.sign.text, "word")


def side(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    named = referable(scene)
    if not named:
        return None
    name, thing = one_of(rng, named)
    if rng.integers(2):
        return Question(
            f"Is the {name} on the left or on the right?", half(thing, "across"), "side"
        )
    return Question(f"Is the {name} at the top or at the bottom?", half(thing, "down"), "side")


def neighbour(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    found = [
        (name, direction, beside(scene, direction, thing)[0])
        for name, thing in referable(scene)
        for direction in SIDES
        if len(beside(scene, direction, thing)) == 1
    ]
    if not found:
        return None
    name, direction, other = one_of(rng, found)
    form = one_of(rng, ("What shape is {} the {}?", "Which shape is {} the {}?"))
    return Question(form.format(PHRASES[direction], name), other.shape, "neighbour")


def exists(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
    thing = one_of(rng, scene.things)
    if not yes:
        thing = _altered(thing, rng)
    described = rng.integers(2)
    name = f"{thing.color} {thing.shape}" if described else thing.shape
    there = matching(scene, shape=thing.shape, color=thing.color if described else None)
    if bool(there) != yes:
        return None
    article = "an" if name[0] in "aeiou" else "a"
    form = one_of(rng, ("Is there {} {}?", "Is there {} {} in the picture?"))
    return Question(form.format(article, name), yes_no(yes), "exists")


def attribute(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
    named = referable(scene, without=("color",))
    if not named:
        return None
    name, thing = one_of(rng, named)
    said = thing.color if yes else one_of(rng, [c for c in COLORS if c != thing.color])
    return Question(f"Is the {name} {said}?", yes_no(yes), "attribute")


def relation(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
    found = apart(scene, rng)
    if found is None:
        return None
    first, way, second = found
    phrase = PHRASES[way if yes else OPPOSITE[way]]
    return Question(f"Is the {first} {phrase} the {second}?", yes_no(yes), "relation")


MAKERS: Mapping[str, Maker] = {
    "color": color,
    "shape": shape,
    "count": count,
    "number": number,
    "word": word,
    "side": side,
    "neighbour": neighbour,
    "exists": exists,
    "attribute": attribute,
    "relation": relation,
}
QUOTAS: Mapping[str, Quota] = {
    "color": Quota(56, 7),
    "shape": Quota(40, 6),
    "count": Quota(64, 18),
    "number": Quota(30, 4),
    "word": Quota(30, 4),
    "side": Quota(40, 10),
    "neighbour": Quota(40, 8),
    "exists": Quota(50, 25),
    "attribute": Quota(40, 20),
    "relation": Quota(50, 25),
}


def _altered(thing: Thing, rng: np.random.Generator) -> Thing:
    """The thing with another shape or another colour: a near miss, or so."""
    if rng.integers(2):
        return Thing(one_of(rng, SHAPES), thing.color, thing.size, thing.row, thing.column)
    return Thing(thing.shape, one_of(rng, COLORS), thing.size, thing.row, thing.column)
