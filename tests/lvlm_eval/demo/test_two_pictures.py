from __future__ import annotations

import re

import numpy as np

from lvlm_eval.demo.choice import LETTERS
from lvlm_eval.demo.facts import objects
from lvlm_eval.demo.scene import Scene, Thing, any_scene
from lvlm_eval.demo.two_pictures import OPTIONS, which

STAR, RING = Thing("star", "red", "small", 0, 0), Thing("ring", "red", "small", 0, 0)


def test_the_option_says_where_the_shape_is() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        pair = any_scene(rng), any_scene(rng)
        for letter in LETTERS:
            made = which(pair, rng, letter)
            if made is None:
                continue
            name = re.findall(r"\ba (\w+)", made.question.text)[0]
            first, second = (name in objects(scene) for scene in pair)
            expected = {(True, False): 0, (False, True): 1, (True, True): 2, (False, False): 3}
            assert made.options[LETTERS.index(made.letter)] == OPTIONS[expected[first, second]]


def test_what_the_pictures_do_not_allow_is_not_asked() -> None:
    pair, rng = (Scene((STAR,)), Scene((RING,))), np.random.default_rng(0)
    assert which(pair, rng, "C") is None
    assert all(which(pair, rng, letter) is not None for letter in "ABD")
