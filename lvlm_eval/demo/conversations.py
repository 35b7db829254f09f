"""Training conversations about the demo's scenes, in groups about the same pictures.

A conversation is a tuple of turns, as `schema.Prompt` holds them. The questions are worded as
the tasks ask them, their suffixes included; scenes of the evaluation data never occur.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np

from lvlm_eval.demo import boxes, choice, gqa, mme, pope, vqav2
from lvlm_eval.demo.captioning import caption
from lvlm_eval.demo.draw import jpeg
from lvlm_eval.demo.question import Maker, Question, coin, one_of
from lvlm_eval.demo.scene import Scene, scenes
from lvlm_eval.demo.two_pictures import which
from lvlm_eval.families.caption import PROMPT as CAPTION
from lvlm_eval.families.refcoco import INSTRUCTION
from lvlm_eval.prompts import OPTION_LETTER, SHORT_ANSWER
from lvlm_eval.schema import Image, Turn

DESCRIBE = "What is in the picture?"
BLIND_SHARE = 0.1  # without image, so that a run without images is an honest baseline
Conversation = tuple[Turn, ...]
Lesson = Literal["basics", "mixed", "late", "last"]
_POPE: dict[str, Maker] = {"pope": pope.exists}
# Relations and sums are learnt last; they are asked about twice as often as the rest.
_HARD = ("neighbour", "relation", "verify_side", "choose_side", "numerical_calculation")


@dataclass(frozen=True, slots=True)
class _Shares:
    """Of what a group is made: so many short answers, choices and boxes about one picture, and
    how often a caption, or two pictures instead."""

    answers: int
    choices: int
    boxes: int
    caption: float
    two: float


_SHARES: Mapping[Lesson, _Shares] = {
    "basics": _Shares(answers=6, choices=0, boxes=2, caption=0.0, two=0.0),
    "mixed": _Shares(answers=4, choices=3, boxes=2, caption=0.15, two=0.15),
    "late": _Shares(answers=4, choices=2, boxes=1, caption=0.2, two=0.15),
    "last": _Shares(answers=5, choices=2, boxes=1, caption=0.6, two=0.1),
}


def conversations(
    seed: int, *, lesson: Lesson = "mixed", brief: bool = False
) -> Iterator[tuple[Conversation, ...]]:
    """Endless groups of conversations, each about one picture or two; the same for a seed.

    A conversation is one question and its answer, or a description. "basics" asks only what a
    single look at a single thing answers, on which everything else builds; "late" asks most of
    what is learnt last: reading, counting, adding, places. brief: without what the tasks add to
    every question of a kind, which says nothing about the picture.
    """
    rng = np.random.default_rng(seed)
    pictures = scenes(rng, evaluation=False)
    for scene in pictures:
        shown = [scene]
        if rng.random() < _SHARES[lesson].two:
            shown.append(next(pictures))
            pairs = _about_two(shown, rng, brief)
        else:
            pairs = _about_one(scene, rng, lesson, brief)
        if not pairs:  # few questions fit a scene with a single thing, and all drawn ones may not
            continue
        blind = rng.random() < BLIND_SHARE
        images = () if blind else tuple(Image(data=jpeg(one)) for one in shown)
        yield tuple(
            (Turn("user", (*images, text)), Turn("assistant", (answer,)))
            for text, answer in pairs.items()
        )


def _about_one(
    scene: Scene, rng: np.random.Generator, lesson: Lesson, brief: bool
) -> dict[str, str]:
    """Questions of all forms about a picture, each with its answer."""
    shares = _SHARES[lesson]
    suffix, letter = ("", "") if brief else (SHORT_ANSWER, OPTION_LETTER)
    where = "Where is the " if brief else INSTRUCTION
    asked = questions(scene, rng, shares.answers, _LESSONS[lesson])
    pairs = {question.text + suffix: question.answer for question in asked}
    for question in questions(scene, rng, shares.choices, _CHOICES):
        pairs[question.text + letter] = question.answer
    for question in questions(scene, rng, shares.boxes, (boxes.where,)):
        pairs[where + question.text] = question.answer
    if rng.random() < shares.caption:
        pairs[DESCRIBE if brief or coin(rng) else CAPTION] = caption(scene)
    return pairs


def _about_two(shown: Sequence[Scene], rng: np.random.Generator, brief: bool) -> dict[str, str]:
    """One question of each answer that the two pictures allow."""
    made = [which(shown, rng, letter) for letter in choice.LETTERS]
    suffix = "" if brief else OPTION_LETTER
    return {one.text + suffix: one.letter for one in made if one is not None}


def captions(seed: int) -> Iterator[Conversation]:
    """Endless pairs of a picture (the user's whole turn) and a list of what it shows."""
    rng = np.random.default_rng(seed)
    for scene in scenes(rng, evaluation=False):
        image = Image(data=jpeg(scene))
        yield (Turn("user", (image,)), Turn("assistant", (caption(scene),)))


def questions(
    scene: Scene, rng: np.random.Generator, wanted: int, makers: Sequence[Maker] | None = None
) -> list[Question]:
    """Different questions about the scene, of all four benchmarks mixed or by the makers given."""
    found: dict[str, Question] = {}
    for _ in range(4 * wanted):
        question = one_of(rng, makers or _MAKERS)(scene, rng, coin(rng))
        if question is not None:
            found.setdefault(question.text, question)
        if len(found) == wanted:
            break
    return list(found.values())


def _makers() -> tuple[Maker, ...]:
    """Every kind of every benchmark, repeated as often as it is to be asked."""
    kinds = chain(
        vqav2.MAKERS.items(), gqa.MAKERS.items(), mme.MAKERS.items(), _POPE.items(), _POPE.items()
    )
    return tuple(maker for kind, maker in kinds for _ in range(2 if kind in _HARD else 1))


_MAKERS = _makers()
_BASICS: tuple[Maker, ...] = (
    vqav2.color,
    vqav2.shape,
    vqav2.exists,
    vqav2.attribute,
    gqa.color,
    gqa.category,
    gqa.size,
    mme.color,
    mme.existence,
    pope.exists,
)
_LATE: tuple[Maker, ...] = (
    *_MAKERS,
    *(maker for maker in (mme.ocr, mme.count) for _ in range(8)),
    *(maker for maker in (mme.numerical_calculation, mme.position) for _ in range(4)),
    *(maker for maker in (vqav2.word, vqav2.number, vqav2.count) for _ in range(3)),
    *(maker for maker in (mme.existence, mme.color, pope.exists) for _ in range(2)),
)
_LAST: tuple[Maker, ...] = (
    *_LATE,
    *(maker for maker in (vqav2.word, vqav2.number) for _ in range(16)),
    *(vqav2.count for _ in range(10)),
)
_LESSONS: Mapping[Lesson, tuple[Maker, ...]] = {
    "basics": _BASICS,
    "mixed": _MAKERS,
    "late": _LATE,
    "last": _LAST,
}
_CHOICES = tuple(choice.MAKERS.values())
