"""POPE's questions about the demo's scenes: is an object there, with three ways to choose "no".

Li et al. 2023, arXiv 2305.10355, section 5: each image gets three objects that it shows and
three that it does not, drawn uniformly (random), the most frequent ones (popular), or those
that most often appear together with what it shows (adversarial).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from lvlm_eval.demo.facts import objects
from lvlm_eval.demo.question import Question, one_of, yes_no
from lvlm_eval.demo.scene import SHAPES, SIGN, Scene

SPLITS = ("random", "popular", "adversarial")
OBJECTS = (*SHAPES, SIGN)
IMAGES = 40
PER_ANSWER = 3


def exists(scene: Scene, rng: np.random.Generator, yes: bool) -> Question | None:
    present = objects(scene)
    candidates = [name for name in OBJECTS if (name in present) == yes]
    return _question(one_of(rng, candidates), yes) if candidates else None


def askable(pictures: Iterator[Scene]) -> list[Scene]:
    """The first scenes that show at least three kinds of object, as many as are wanted."""
    chosen: list[Scene] = []
    while len(chosen) < IMAGES:
        scene = next(pictures)
        if len(objects(scene)) >= PER_ANSWER:
            chosen.append(scene)
    return chosen


def questions(
    pictures: Sequence[Scene], rng: np.random.Generator
) -> dict[str, list[tuple[Scene, list[Question]]]]:
    """For each split six questions a picture, yes and no in turn.

    The splits share the objects that are there and differ in those that are not.
    """
    frequency = Counter(name for scene in pictures for name in objects(scene))
    together = _together(pictures)
    asked: dict[str, list[tuple[Scene, list[Question]]]] = {split: [] for split in SPLITS}
    for scene in pictures:
        shown = sorted(objects(scene))
        positives = [shown[int(index)] for index in rng.permutation(len(shown))[:PER_ANSWER]]
        company = sum((together[name] for name in shown), Counter[str]())
        rankings = {"random": Counter[str](), "popular": frequency, "adversarial": company}
        for split, ranking in rankings.items():
            negatives = _absent(shown, ranking, rng)
            pairs = zip(positives, negatives, strict=True)
            named = [
                (name, name == there) for there, not_there in pairs for name in (there, not_there)
            ]
            asked[split].append((scene, [_question(name, yes) for name, yes in named]))
    return asked


def _absent(shown: Sequence[str], ranking: Counter[str], rng: np.random.Generator) -> list[str]:
    """The objects not shown that rank highest; chance decides between equals."""
    shuffled = [OBJECTS[int(index)] for index in rng.permutation(len(OBJECTS))]
    absent = [name for name in shuffled if name not in shown]
    return sorted(absent, key=lambda name: -ranking[name])[:PER_ANSWER]


def _together(pictures: Sequence[Scene]) -> dict[str, Counter[str]]:
    """For each object, in how many pictures each other one appears beside it."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in OBJECTS}
    for scene in pictures:
        for name in objects(scene):
            counts[name].update(objects(scene) - {name})
    return counts


def _question(name: str, yes: bool) -> Question:
    return Question(f"Is there a {name} in the image?", yes_no(yes), "pope")
