"""GQA's yes/no questions about the demo's scenes: verify, logical and compare."""

from __future__ import annotations

import numpy as np

from lvlm_eval.demo.facts import OPPOSITE, PHRASES, objects, plural, referable
from lvlm_eval.demo.pairs import apart, axis, two
from lvlm_eval.demo.question import Program, Question, Step, coin, one_of, yes_no
from lvlm_eval.demo.scene import COLORS, SHAPES, Scene

PICTURE = ("picture", "image", "photo")
YES_NO = ("yes", "no")


def exists(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
    names = [shape for shape in SHAPES if (shape in objects(scene)) == yes]
    if not names:
        return None
    name = one_of(rng, names)
    forms = ("Is there a {}?", "Do you see any {} there?", "Are there any {} in this {}?")
    index = int(rng.integers(len(forms)))
    text = forms[index].format(name if index == 0 else plural(name), one_of(rng, PICTURE))
    steps = (Step("select", name), Step("exist", "?", (0,)))
    return _closed(text, yes, "exists", steps, ("verify", "obj", "exist"), f"exist {name}")


def verify_color(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
    named = referable(scene, without=("color",))
    if not named:
        return None
    name, thing = one_of(rng, named)
    said = thing.color if yes else one_of(rng, [c for c in COLORS if c != thing.color])
    text = one_of(rng, ("Is the {} {}?", "Does the {} look {}?")).format(name, said)
    steps = (Step("select", name), Step("verify color", said, (0,)))
    return _closed(
        text, yes, "verify_color", steps, ("verify", "attr", "verifyAttr"), f"color of {name}"
    )


def verify_side(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
    found = apart(scene, rng)
    if found is None:
        return None
    first, way, second = found
    said = way if yes else OPPOSITE[way]
    text = f"Is the {first} {PHRASES[said]} the {second}?"
    about = f"{first} {axis(way)} {second}"
    steps = (Step("select", second), Step("verify rel", f"{first},{PHRASES[said]},s", (0,)))
    return _closed(text, yes, "verify_side", steps, ("verify", "rel", "relVerify"), about)


def both(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
    """For a no, one of the two may well be there."""
    present = sorted({thing.shape for thing in scene.things})
    if yes and len(present) < 2:
        return None
    first = one_of(rng, present)
    second = one_of(rng, [s for s in SHAPES if s != first and (s in present) == yes])
    return _logical("and", (first, second) if coin(rng) else (second, first), yes)


def either(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
    present = {thing.shape for thing in scene.things}
    first = one_of(rng, [s for s in SHAPES if (s in present) == yes])
    second = one_of(rng, [s for s in SHAPES if s != first and s not in present])
    return _logical("or", (first, second) if coin(rng) else (second, first), yes)


def same(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
    pair = two(referable(scene, without=("color", "size")), rng)
    if pair is None:
        return None
    (first, one), (second, other) = pair
    trait = one_of(rng, ("color", "size"))
    if (getattr(one, trait) == getattr(other, trait)) != yes:
        return None
    text = f"Do the {first} and the {second} have the same {trait}?"
    steps = (Step("select", first), Step("select", second), Step(f"same {trait}", "", (0, 1)))
    about = f"same {trait} {first} {second}"
    return _closed(text, yes, "same", steps, ("compare", "attr", "twoSame"), about)


def _closed(
    text: str,
    yes: bool,
    kind: str,
    steps: tuple[Step, ...],
    types: tuple[str, str, str],
    about: str,
) -> Question:
    """A yes/no question; `types` are structural, semantic and detailed."""
    answer = yes_no(yes)
    full = f"{answer.capitalize()}."
    return Question(text, answer, kind, Program(steps, *types, None, about, YES_NO, full))


def _logical(word: str, pair: tuple[str, str], yes: bool) -> Question:
    """Whether both ("and") or either ("or") of two shapes are there."""
    opening = "Are there both a {} and a {}?" if word == "and" else "Is there either a {} or a {}?"
    steps = (
        Step("select", pair[0]), Step("exist", "?", (0,)), Step("select", pair[1]),
        Step("exist", "?", (2,)), Step(word, "", (1, 3)),
    )  # fmt: skip
    kind, detailed = ("both", "existAnd") if word == "and" else ("either", "existOr")
    types = ("logical", "obj", detailed)
    return _closed(opening.format(*pair), yes, kind, steps, types, f"{word} {' '.join(pair)}")
