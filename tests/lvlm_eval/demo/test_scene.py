from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.demo.scene import GRID, Scene, Sign, Thing, any_scene, content, held_out, scenes


def test_content_ignores_order_place_in_the_cell_and_backdrop() -> None:
    star = Thing("star", "red", "small", 0, 1, (2, 0))
    ring = Thing("ring", "blue", "large", 3, 2)
    moved = Thing("star", "red", "small", 0, 1, (-1, 1))
    assert content(Scene((star, ring), None, 100)) == content(Scene((ring, moved), None, 150))


def test_content_tells_apart_what_questions_can_tell_apart() -> None:
    star = Thing("star", "red", "small", 0, 1)
    others = [
        Scene((Thing("ring", "red", "small", 0, 1),)),
        Scene((Thing("star", "blue", "small", 0, 1),)),
        Scene((Thing("star", "red", "large", 0, 1),)),
        Scene((Thing("star", "red", "small", 1, 0),)),
        Scene((star, star)),
        Scene((star,), Sign("cat", 2, 0)),
        Scene((star,), Sign("sun", 2, 0)),
    ]
    contents = {content(scene) for scene in (Scene((star,)), *others)}
    assert len(contents) == 8


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_no_scene_of_training_has_the_content_of_one_of_evaluation(one: int, two: int) -> None:
    training = islice(scenes(np.random.default_rng(one), evaluation=False), 20)
    evaluation = islice(scenes(np.random.default_rng(two), evaluation=True), 5)
    assert not {content(s) for s in training} & {content(s) for s in evaluation}


def test_about_one_content_in_eight_is_held_out() -> None:
    rng = np.random.default_rng(3)
    share = np.mean([held_out(any_scene(rng)) for _ in range(4000)])
    assert 0.10 < share < 0.15


@given(st.integers(0, 100_000))
def test_things_and_signs_never_share_a_cell(seed: int) -> None:
    scene = any_scene(np.random.default_rng(seed))
    cells = [(thing.row, thing.column) for thing in scene.things]
    if scene.sign is not None:
        cells += [(scene.sign.row, scene.sign.column + step) for step in (0, 1)]
    assert len(set(cells)) == len(cells)
    assert all(0 <= row < GRID and 0 <= column < GRID for row, column in cells)
    assert 1 <= len(scene.things) <= 4


def test_some_shapes_are_more_frequent_and_some_keep_company() -> None:
    rng = np.random.default_rng(0)
    seen = [{thing.shape for thing in any_scene(rng).things} for _ in range(4000)]
    counts = Counter(shape for shapes in seen for shape in shapes)
    assert counts["circle"] > 1.5 * counts["diamond"]
    with_star = sum("star" in shapes for shapes in seen if "heart" in shapes) / counts["heart"]
    assert with_star > 1.3 * counts["star"] / len(seen)
