"""The price of determinism: what counts as a changed answer."""

from __future__ import annotations

from collections.abc import Sequence

from bench.determinism import ALONE, minded
from bench.loads import Load, made_up
from bench.peers import Answers
from lvlm_eval.models.moe_llava.engine.sequence import Question


def test_answers_that_change_with_their_company_are_counted() -> None:
    questions = made_up(Load(images=2, questions=5, new_tokens=1), 2, 60, 0)
    shy = {questions[1].question_id, questions[3].question_id, questions[9].question_id}

    def side(asked: Sequence[Question]) -> Answers:
        crowd = len(asked) > 1
        return {q.question_id: (int(crowd and q.question_id in shy),) for q in asked}

    assert ALONE < 9
    assert minded(side, questions) == 2
