"""What is true in a scene, and how to speak of one of its things without ambiguity.

Questions are built from these functions alone, so an answer can be checked against the scene.
"""

from __future__ import annotations

from collections.abc import Collection

from lvlm_eval.demo.scene import GRID, SIGN, Scene, Thing

SIDES = ("left", "right", "above", "below")
OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}
PHRASES = {
    "left": "to the left of",
    "right": "to the right of",
    "above": "above",
    "below": "below",
}
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five")
_REFERENCES = (("shape",), ("color", "shape"), ("size", "shape"), ("size", "color", "shape"))


def matching(
    scene: Scene, *, shape: str | None = None, color: str | None = None, size: str | None = None
) -> list[Thing]:
    """The things with all the given properties."""
    return [
        thing
        for thing in scene.things
        if shape in (None, thing.shape)
        and color in (None, thing.color)
        and size in (None, thing.size)
    ]


def objects(scene: Scene) -> set[str]:
    """The kinds of object in the picture: shapes, and the sign if there is one."""
    kinds = {thing.shape for thing in scene.things}
    return kinds if scene.sign is None else kinds | {SIGN}


def reference(scene: Scene, thing: Thing, *, without: Collection[str] = ()) -> str | None:
    """The shortest description that fits this thing alone ("star", "small red star").

    Properties in `without` are not used (a question must not give its answer away). None
    where nothing tells the thing from another.
    """
    for names in _REFERENCES:
        properties = {name: str(getattr(thing, name)) for name in names}
        if not set(names) & set(without) and len(matching(scene, **properties)) == 1:
            return " ".join(properties.values())
    return None


def referable(scene: Scene, *, without: Collection[str] = ()) -> list[tuple[str, Thing]]:
    """The things that can be spoken of, each with its description."""
    described = ((reference(scene, thing, without=without), thing) for thing in scene.things)
    return [(name, thing) for name, thing in described if name is not None]


def is_beside(thing: Thing, side: str, other: Thing) -> bool:
    """Whether the thing is on that side of the other, at least one cell away from level."""
    return {
        "left": thing.column < other.column,
        "right": thing.column > other.column,
        "above": thing.row < other.row,
        "below": thing.row > other.row,
    }[side]


def beside(scene: Scene, side: str, other: Thing) -> list[Thing]:
    """The things on that side of the other one."""
    return [thing for thing in scene.things if is_beside(thing, side, other)]


def half(thing: Thing, axis: str) -> str:
    """The half of the picture that the thing is in: left or right, top or bottom."""
    if axis == "across":
        return "left" if thing.column < GRID // 2 else "right"
    return "top" if thing.row < GRID // 2 else "bottom"


def written_sum(text: str) -> int | None:
    """What the sum on a sign comes to; None where the sign holds no sum."""
    left, plus, right = text.partition("+")
    return int(left) + int(right) if plus else None


def plural(noun: str) -> str:
    return noun + ("es" if noun.endswith("s") else "s")
