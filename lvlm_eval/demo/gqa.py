"""GQA's questions about the demo's scenes, each with its functional program and types.

Operations, types and groups are named as in GQA 1.2 (Hudson and Manning 2019, arXiv
1902.09506, section 3); open questions are those of structural type "query".
"""

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
    referable,
)
from lvlm_eval.demo.gqa_closed import PICTURE, both, either, exists, same, verify_color, verify_side
from lvlm_eval.demo.pairs import apart, axis, two
from lvlm_eval.demo.question import Maker, Program, Question, Quota, Step, coin, one_of
from lvlm_eval.demo.scene import COLORS, SHAPES, SIZES, Scene


def color(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    named = referable(scene, without=("color",))
    if not named:
        return None
    name, thing = one_of(rng, named)
    form = one_of(rng, ("What color is the {}?", "Which color is the {}?"))
    program = Program(
        (Step("select", name), Step("query", "color", (0,))),
        "query", "attr", "directOf", "color", f"color of {name}", COLORS,
        f"The {name} is {thing.color}.",
    )  # fmt: skip
    return Question(form.format(name), thing.color, "color", program)


def size(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    named = referable(scene, without=("size",))
    if not named:
        return None
    name, thing = one_of(rng, named)
    form = one_of(rng, ("What size is the {}?", "Which size is the {}?"))
    program = Program(
        (Step("select", name), Step("query", "size", (0,))),
        "query", "attr", "directOf", "size", f"size of {name}", SIZES,
        f"The {name} is {thing.size}.",
    )  # fmt: skip
    return Question(form.format(name), thing.size, "size", program)


def category(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    alone = [thing for thing in scene.things if len(matching(scene, color=thing.color)) == 1]
    if not alone:
        return None
    thing = one_of(rng, alone)
    form = one_of(rng, ("What shape is the {} thing?", "Which kind of shape is {}?"))
    program = Program(
        (
            Step("select", "shape"),
            Step("filter color", thing.color, (0,)),
            Step("query", "name", (1,)),
        ),
        "query", "cat", "categoryThat", "shape", f"name of {thing.color}", SHAPES,
        f"The {thing.color} shape is a {thing.shape}.",
    )  # fmt: skip
    return Question(form.format(thing.color), thing.shape, "category", program)


def neighbour(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    found = [
        (name, way, beside(scene, way, thing)[0])
        for name, thing in referable(scene)
        for way in SIDES
        if len(beside(scene, way, thing)) == 1
    ]
    if not found:
        return None
    name, way, other = one_of(rng, found)
    form = one_of(rng, ("What is the shape {} the {}?", "What kind of shape is {} the {}?"))
    relate = Step("relate", f"shape,{PHRASES[way]},s", (0,))
    program = Program(
        (Step("select", name), relate, Step("query", "name", (1,))),
        "query", "rel", "relS", "shape", f"{way} of {name}", SHAPES,
        f"The {other.shape} is {PHRASES[way]} the {name}.",
    )  # fmt: skip
    return Question(form.format(PHRASES[way], name), other.shape, "neighbour", program)


def position(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    named = referable(scene)
    if not named:
        return None
    name, thing = one_of(rng, named)
    if coin(rng):
        true, domain, axis = half(thing, "across"), ("left", "right"), "hposition"
        text = f"On which side of the {one_of(rng, PICTURE)} is the {name}?"
    else:
        true, domain, axis = half(thing, "down"), ("bottom", "top"), "vposition"
        text = f"In which part of the {one_of(rng, PICTURE)} is the {name}, the bottom or the top?"
    program = Program(
        (Step("select", name), Step("query", axis, (0,))),
        "query", "attr", "positionQuery", "place", f"{axis} of {name}", domain,
        f"The {name} is on the {true}.",
    )  # fmt: skip
    return Question(text, true, "position", program)


def choose_color(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    named = referable(scene, without=("color",))
    if not named:
        return None
    name, thing = one_of(rng, named)
    other = one_of(rng, [c for c in COLORS if c != thing.color])
    pair = (thing.color, other) if coin(rng) else (other, thing.color)
    program = Program(
        (Step("select", name), Step("choose color", f"{pair[0]}|{pair[1]}", (0,))),
        "choose", "attr", "chooseAttr", "color", f"color of {name}", pair,
        f"The {name} is {thing.color}.",
    )  # fmt: skip
    return Question(f"Is the {name} {pair[0]} or {pair[1]}?", thing.color, "choose_color", program)


def choose_side(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    found = apart(scene, rng)
    if found is None:
        return None
    first, way, second = found
    if way in ("left", "right"):
        text = f"Is the {first} to the left or to the right of the {second}?"
    else:
        text = f"Is the {first} above or below the {second}?"
    pair = (way, OPPOSITE[way])
    relate = Step("choose rel", f"{first},{PHRASES[way]}|{PHRASES[pair[1]]},s", (0,))
    program = Program(
        (Step("select", second), relate),
        "choose", "rel", "relChooser", "place", f"{first} {axis(way)} {second}", pair,
        f"The {first} is {PHRASES[way]} the {second}.",
    )  # fmt: skip
    return Question(text, way, "choose_side", program)


def compare(scene: Scene, rng: np.random.Generator, _: bool) -> Question | None:
    pair = two(referable(scene, without=("size",)), rng)
    if pair is None or pair[0][1].size == pair[1][1].size:
        return None
    (first, one), (second, _other) = pair
    larger = coin(rng)
    answer = first if (one.size == "large") == larger else second
    word = "larger" if larger else "smaller"
    program = Program(
        (Step("select", first), Step("select", second), Step(f"choose {word}", "", (0, 1))),
        "compare", "attr", "compare", "size", f"{word} {first} {second}", (first, second),
        f"The {answer} is {word}.",
    )  # fmt: skip
    return Question(f"Which is {word}, the {first} or the {second}?", answer, "compare", program)


MAKERS: Mapping[str, Maker] = {
    "color": color,
    "size": size,
    "category": category,
    "neighbour": neighbour,
    "position": position,
    "choose_color": choose_color,
    "choose_side": choose_side,
    "exists": exists,
    "verify_color": verify_color,
    "verify_side": verify_side,
    "both": both,
    "either": either,
    "same": same,
    "compare": compare,
}
QUOTAS: Mapping[str, Quota] = {
    "color": Quota(48, 6),
    "size": Quota(20, 10),
    "category": Quota(40, 6),
    "neighbour": Quota(40, 8),
    "position": Quota(32, 8),
    "choose_color": Quota(32, 6),
    "choose_side": Quota(32, 8),
    "exists": Quota(40, 20),
    "verify_color": Quota(40, 20),
    "verify_side": Quota(40, 20),
    "both": Quota(18, 9),
    "either": Quota(18, 9),
    "same": Quota(24, 12),
    "compare": Quota(20, 5),
}
