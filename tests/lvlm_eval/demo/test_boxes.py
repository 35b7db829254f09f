from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageChops

from lvlm_eval.answers.boxes import bracketed_box
from lvlm_eval.demo.boxes import box, where, written
from lvlm_eval.demo.draw import SIDE, picture
from lvlm_eval.demo.facts import reference
from lvlm_eval.demo.scene import Scene, Thing, any_scene


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_box_holds_what_is_drawn_and_little_more(size: str) -> None:
    thing = Thing("circle", "red", size, 1, 2, (2, -1))
    shown, empty = picture(Scene((thing,))), picture(Scene(()))
    drawn = ImageChops.difference(shown, empty).getbbox()
    assert drawn is not None
    assert all(abs(a - b) <= 1 for a, b in zip(drawn, box(thing), strict=True))


def test_a_box_by_hand() -> None:
    thing = Thing("star", "red", "small", 0, 3, (2, 1))  # its centre at 58, 9
    assert box(thing) == (54, 5, 62, 13)
    assert written(thing) == "[0.84, 0.08, 0.97, 0.20]"
    assert bracketed_box(written(thing)) == (0.84, 0.08, 0.97, 0.2)


def test_a_box_ends_with_the_picture() -> None:
    assert box(Thing("ring", "red", "large", 3, 3, (2, 2))) == (51, 51, SIDE, SIDE)


def test_the_expression_fits_one_thing_whose_box_is_the_answer() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        scene = any_scene(rng)
        question = where(scene, rng, True)
        if question is not None:
            named = [t for t in scene.things if reference(scene, t) == question.text]
            assert [written(thing) for thing in named] == [question.answer]
