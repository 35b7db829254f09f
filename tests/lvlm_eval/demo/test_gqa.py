from __future__ import annotations

import numpy as np

from lvlm_eval.demo import gqa
from lvlm_eval.demo.question import Question, coin
from lvlm_eval.demo.scene import any_scene


def _many(number: int) -> list[Question]:
    rng = np.random.default_rng(0)
    asked: list[Question] = []
    while len(asked) < number:
        for maker in gqa.MAKERS.values():
            question = maker(any_scene(rng), rng, coin(rng))
            asked += [question] if question else []
    return asked


def test_the_answer_is_always_in_the_domain() -> None:
    for question in _many(600):
        assert question.program is not None
        assert question.answer in question.program.domain


def test_steps_depend_on_earlier_steps_only() -> None:
    for question in _many(600):
        assert question.program is not None
        for place, step in enumerate(question.program.steps):
            assert all(0 <= earlier < place for earlier in step.dependencies)


def test_open_questions_are_those_of_type_query_and_have_a_group() -> None:
    for question in _many(600):
        program = question.program
        assert program is not None
        closed = question.answer in ("yes", "no")
        assert closed == (
            program.structural in ("verify", "logical") or program.detailed == "twoSame"
        )
        assert closed == (program.group is None)
