from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from lvlm_eval.demo import gqa, mme, pope, vqav2
from lvlm_eval.demo.question import Maker, Quota, coin, select
from lvlm_eval.demo.scene import Scene, any_scene, scenes

from .conftest import Oracle

KINDS: dict[str, Maker] = {
    f"{module.__name__.rpartition('.')[2]}/{kind}": maker
    for module in (vqav2, gqa, mme)
    for kind, maker in module.MAKERS.items()
} | {"pope/exists": pope.exists}


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_what_a_second_reader_finds_in_the_scene(kind: str, oracle: Oracle) -> None:
    rng = np.random.default_rng(11)
    asked = 0
    while asked < 150:
        scene = any_scene(rng)
        question = KINDS[kind](scene, rng, coin(rng))
        if question is not None:
            asked += 1
            assert oracle(question.text, scene) == question.answer, (question.text, scene)


@pytest.mark.parametrize("kind", KINDS)
def test_a_yes_no_question_has_the_answer_that_was_wanted(kind: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        wanted = coin(rng)
        question = KINDS[kind](any_scene(rng), rng, wanted)
        if question is not None and question.answer in ("yes", "no"):
            assert question.answer == ("yes" if wanted else "no")


def test_a_selection_meets_every_quota_and_no_answer_exceeds_its_share() -> None:
    rng = np.random.default_rng(2)
    quotas = {"color": Quota(24, 4), "exists": Quota(10, 5), "count": Quota(12, 5)}
    chosen = select(scenes(rng, evaluation=True), vqav2.MAKERS, quotas, 2, rng)
    questions = [question for _, asked in chosen for question in asked]
    assert Counter(q.kind for q in questions) == {"color": 24, "exists": 10, "count": 12}
    given = Counter((q.kind, q.answer) for q in questions)
    assert all(number <= quotas[kind].per_answer for (kind, _), number in given.items())
    assert max(len(asked) for _, asked in chosen) <= 2


def test_a_selection_asks_no_kind_twice_of_a_picture() -> None:
    rng = np.random.default_rng(4)
    chosen = select(scenes(rng, evaluation=True), gqa.MAKERS, gqa.QUOTAS, 4, rng)
    for _, asked in chosen:
        kinds = [question.kind for question in asked]
        assert len(set(kinds)) == len(kinds)


def test_questions_that_need_a_sign_are_not_asked_without_one() -> None:
    rng = np.random.default_rng(0)
    scene = Scene((any_scene(rng).things[0],), None)
    needing = (vqav2.number, vqav2.word, mme.ocr, mme.numerical_calculation)
    assert [maker(scene, rng, True) for maker in needing] == [None] * 4
