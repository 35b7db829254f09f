"""Training conversations about the demo's scenes, in groups about one picture.

A conversation is a tuple of turns, as `schema.Prompt` holds them. The questions are worded as
the four tasks ask them, LLaVA's suffix included; scenes of the evaluation data never occur.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal

import numpy as np

from lvlm_eval.demo import gqa, mme, pope, vqav2
from lvlm_eval.demo.draw import jpeg
from lvlm_eval.demo.question import Maker, Question, coin, one_of
from lvlm_eval.demo.scene import Scene, scenes
from lvlm_eval.schema import Image, Turn

SUFFIX = "\nAnswer the question using a single word or phrase."  # LLaVA-1.5's short answer
QUESTIONS = 6  # about one picture
DESCRIBE = "What is in the picture?"
DESCRIBED_SHARE = 0.15
BLIND_SHARE = 0.1  # without image, so that a run without images is an honest baseline
Conversation = tuple[Turn, ...]
Lesson = Literal["basics", "mixed", "late"]
_POPE: dict[str, Maker] = {"pope": pope.exists}
# Relations and sums are learnt last; they are asked about twice as often as the rest.
_HARD = ("neighbour", "relation", "verify_side", "choose_side", "numerical_calculation")


def conversations(
    seed: int, *, lesson: Lesson = "mixed", suffix: str = SUFFIX
) -> Iterator[tuple[Conversation, ...]]:
    """Endless groups of conversations, each group about one picture; the same for the same seed.

    A conversation is one question and its answer, or a description. "basics" asks only what a
    single look at a single thing answers, on which everything else builds; "late" asks most of
    what is learnt last: reading, counting, adding, places.
    """
    rng = np.random.default_rng(seed)
    for scene in scenes(rng, evaluation=False):
        asked = questions(scene, rng, QUESTIONS, _LESSONS[lesson])
        pairs = [(question.text + suffix, question.answer) for question in asked]
        if lesson != "basics" and rng.random() < DESCRIBED_SHARE:
            pairs.append((DESCRIBE, caption(scene)))
        if not pairs:  # few questions fit a scene with a single thing, and all drawn ones may not
            continue
        blind = rng.random() < BLIND_SHARE
        image = () if blind else (Image(data=jpeg(scene)),)
        yield tuple(
            (Turn("user", (*image, text)), Turn("assistant", (answer,))) for text, answer in pairs
        )


def captions(seed: int) -> Iterator[Conversation]:
    """Endless pairs of a picture (the user's whole turn) and a list of what it shows."""
    rng = np.random.default_rng(seed)
    for scene in scenes(rng, evaluation=False):
        image = Image(data=jpeg(scene))
        yield (Turn("user", (image,)), Turn("assistant", (caption(scene),)))


def caption(scene: Scene) -> str:
    """What is in the picture, in reading order: "a small red star, a sign that says cat"."""
    named = [
        (thing.row, thing.column, f"a {thing.size} {thing.color} {thing.shape}")
        for thing in scene.things
    ]
    if scene.sign is not None:
        sign = scene.sign
        named.append((sign.row, sign.column, f"a sign that says {sign.text}"))
    return ", ".join(text for _, _, text in sorted(named))


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
_LESSONS: Mapping[Lesson, tuple[Maker, ...]] = {
    "basics": _BASICS,
    "mixed": _MAKERS,
    "late": _LATE,
}
