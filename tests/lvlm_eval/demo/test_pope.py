from __future__ import annotations

import numpy as np

from lvlm_eval.demo import pope
from lvlm_eval.demo.facts import objects
from lvlm_eval.demo.scene import Scene, Thing, scenes


def _shown(*shapes: str) -> Scene:
    return Scene(tuple(Thing(s, "red", "small", 0, place) for place, s in enumerate(shapes)))


# circle and square are the most frequent; heart, cross and ring only ever appear with star.
PICTURES = [
    _shown("circle", "square", "triangle"),
    _shown("circle", "square", "diamond"),
    _shown("circle", "square", "triangle"),
    _shown("star", "heart", "cross", "ring"),
    _shown("star", "heart", "cross", "ring"),
    _shown("star", "triangle", "diamond"),
]


def _negatives(split: str, place: int) -> set[str]:
    asked = pope.questions(PICTURES, np.random.default_rng(0))[split][place][1]
    return {q.text.split()[3] for q in asked if q.answer == "no"}


def test_popular_negatives_are_the_most_frequent_absent_objects() -> None:
    assert {"circle", "square"} <= _negatives("popular", 5)
    # circle, square, triangle and star are in three pictures each, diamond in two
    assert _negatives("popular", 3) == {"circle", "square", "triangle"}


def test_adversarial_negatives_are_what_most_often_comes_with_what_is_shown() -> None:
    # triangle goes with circle and square (2 each), star with heart, cross, ring (2 each),
    # diamond with circle and square (1 each): circle and square 3, the others 2
    negatives = _negatives("adversarial", 5)
    assert {"circle", "square"} <= negatives
    assert negatives - {"circle", "square"} <= {"heart", "cross", "ring"}
    assert _negatives("adversarial", 3) >= {"triangle", "diamond"}


def test_random_negatives_do_not_favour_any_object() -> None:
    pictures = [_shown("circle", "square", "triangle")] * 600
    asked = pope.questions(pictures, np.random.default_rng(1))["random"]
    names = [q.text.split()[3] for _, questions in asked for q in questions if q.answer == "no"]
    counts = [names.count(name) for name in pope.OBJECTS[3:]]
    assert sum(counts) == 1800
    assert max(counts) - min(counts) < 90  # of about 300 each


def test_each_picture_gets_three_objects_that_it_shows_and_three_that_it_does_not() -> None:
    chosen = pope.askable(scenes(np.random.default_rng(7), evaluation=True))
    for asked in pope.questions(chosen, np.random.default_rng(8)).values():
        for scene, questions in asked:
            names = [q.text.removeprefix("Is there a ").split()[0] for q in questions]
            assert len(set(names)) == 6
            for name, question in zip(names, questions, strict=True):
                assert (name in objects(scene)) == (question.answer == "yes")


def test_the_splits_share_what_is_there() -> None:
    asked = pope.questions(PICTURES[:3], np.random.default_rng(9))
    positives = [
        [q.text for _, questions in asked[split] for q in questions if q.answer == "yes"]
        for split in pope.SPLITS
    ]
    assert positives[0] == positives[1] == positives[2]
