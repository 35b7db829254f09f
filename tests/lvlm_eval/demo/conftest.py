"""A second way to answer the demo's questions: reads the English and looks at the scene."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lvlm_eval.demo.scene import Scene, Thing

Oracle = Callable[[str, Scene], str]
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4}
_COLOR = "red|green|blue|yellow|purple|orange|white|black"


@pytest.fixture
def oracle() -> Oracle:
    """Answers any question of the demo, knowing nothing of how questions are made."""

    def answer(text: str, scene: Scene) -> str:
        for pattern, rule in _RULES:
            found = re.fullmatch(pattern, text)
            if found:
                said = rule(scene, *found.groups())
                return said if isinstance(said, str) else ("no", "yes")[said]
        raise AssertionError(f"no rule reads {text!r}")

    return answer


def _all(scene: Scene, words: str) -> list[Thing]:
    """The things that a phrase of colour, size and shape words describes."""
    wanted = [re.sub(r"(?<=cross)es$|(?<!s)s$", "", word) for word in words.split()]
    wanted = [word for word in wanted if word not in ("shape", "thing")]
    return [t for t in scene.things if all(w in (t.shape, t.color, t.size) for w in wanted)]


def _the(scene: Scene, words: str) -> Thing:
    found = _all(scene, words)
    assert len(found) == 1, f"{words!r} fits {len(found)} things"
    return found[0]


def _is(one: Thing, phrase: str, other: Thing) -> bool:
    x, y = one.column - other.column, one.row - other.row
    where = phrase.removeprefix("to the ").removeprefix("on the ").removesuffix(" of")
    assert (x if where in ("left", "right") else y) != 0, "neither yes nor no"
    return {"left": x < 0, "right": x > 0, "above": y < 0, "below": y > 0}[where]


def _next_to(scene: Scene, phrase: str, words: str) -> str:
    other = _the(scene, words)
    on_side = []
    for thing in scene.things:
        level = thing.column == other.column if "the" in phrase else thing.row == other.row
        if not level and _is(thing, phrase, other):
            on_side.append(thing)
    assert len(on_side) == 1
    return on_side[0].shape


def _seen(scene: Scene, name: str) -> bool:
    return scene.sign is not None if name == "sign" else bool(_all(scene, name))


def _written(scene: Scene) -> str:
    assert scene.sign is not None
    return scene.sign.text


def _across(thing: Thing) -> str:
    return ("left", "left", "right", "right")[thing.column]


def _down(thing: Thing) -> str:
    return ("top", "top", "bottom", "bottom")[thing.row]


def _larger(scene: Scene, word: str, one: str, other: str) -> str:
    sizes = {name: _the(scene, name).size for name in (one, other)}
    assert sizes[one] != sizes[other]
    return one if (sizes[one] == "large") == (word == "larger") else other


def _same(scene: Scene, one: str, other: str, what: str) -> bool:
    first, second = _the(scene, one), _the(scene, other)
    return first.color == second.color if what == "color" else first.size == second.size


_WAY = "to the left of|to the right of|on the left of|on the right of|above|below"
_PLACE = r"(?: there| in the picture| in the image| in this \w+)?"
_RULES: list[tuple[str, Callable[..., str | bool]]] = [
    (r"(?:What|Which) color is the (.+)\?", lambda s, x: _the(s, x).color),
    (r"What is the color of the (.+)\?", lambda s, x: _the(s, x).color),
    (r"(?:What|Which) size is the (.+)\?", lambda s, x: _the(s, x).size),
    (rf"What is the ({_COLOR}) shape\?", lambda s, x: _the(s, x).shape),
    (rf"What shape is ({_COLOR})\?", lambda s, x: _the(s, x).shape),
    (rf"What shape is the ({_COLOR}) thing\?", lambda s, x: _the(s, x).shape),
    (rf"Which kind of shape is ({_COLOR})\?", lambda s, x: _the(s, x).shape),
    (rf"What is the shape ({_WAY}) the (.+)\?", _next_to),
    (rf"(?:What|Which|What kind of) shape is ({_WAY}) the (.+)\?", _next_to),
    (
        r"How many (.+) (?:are there|are in the picture)\?",
        lambda s, x: str(len(_all(s, x))),
    ),
    (r"What number is (?:on|written on) the sign\?", _written),
    (r"What (?:does the sign say|word is on the sign|is written on the sign)\?", _written),
    (r"Is the (.+) on the left or on the right\?", lambda s, x: _across(_the(s, x))),
    (r"Is the (.+) at the top or at the bottom\?", lambda s, x: _down(_the(s, x))),
    (r"On which side of the \w+ is the (.+)\?", lambda s, x: _across(_the(s, x))),
    (
        r"In which part of the \w+ is the (.+), the bottom or the top\?",
        lambda s, x: _down(_the(s, x)),
    ),
    (
        r"Is the (.+) to the left or to the right of the (.+)\?",
        lambda s, x, y: "left" if _is(_the(s, x), "left", _the(s, y)) else "right",
    ),
    (
        r"Is the (.+) above or below the (.+)\?",
        lambda s, x, y: "above" if _is(_the(s, x), "above", _the(s, y)) else "below",
    ),
    (
        r"Is the (.+) on the (left|right) side of the image\?",
        lambda s, x, side: _across(_the(s, x)) == side,
    ),
    (rf"Is the (.+) ({_COLOR}) or ({_COLOR})\?", lambda s, x, *_: _the(s, x).color),
    (r"Are there both a (\w+) and a (\w+)\?", lambda s, x, y: _seen(s, x) and _seen(s, y)),
    (r"Is there either a (\w+) or a (\w+)\?", lambda s, x, y: _seen(s, x) or _seen(s, y)),
    (r"Is there only one (.+) in this image\?", lambda s, x: len(_all(s, x)) == 1),
    (
        r"Are there (one|two|three|four) (.+) in this image\?",
        lambda s, n, x: len(_all(s, x)) == _NUMBERS[n],
    ),
    (
        rf"(?:Is there an?|Do you see any|Are there any) (.+?){_PLACE}\?",
        _seen,
    ),
    (rf"Is the (.+?) ({_WAY}) the (.+?)\?", lambda s, x, way, y: _is(_the(s, x), way, _the(s, y))),
    (rf"(?:Is|Does) the (.+?) (?:look )?({_COLOR})\?", lambda s, x, c: _the(s, x).color == c),
    (r"Do the (.+) and the (.+) have the same (\w+)\?", _same),
    (r"Which is (larger|smaller), the (.+) or the (.+)\?", _larger),
    (r'Is the (?:word|number) on the sign "(.+)"\?', lambda s, said: _written(s) == said),
    (
        r"Is the answer to the arithmetic question in the image (\d+)\?",
        lambda s, said: sum(map(int, _written(s).split("+"))) == int(said),
    ),
]
