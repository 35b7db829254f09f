from __future__ import annotations

from collections import Counter

import numpy as np

from lvlm_eval.demo.choice import LETTERS, MAKERS, OPEN, choice
from lvlm_eval.demo.question import Question, coin
from lvlm_eval.demo.scene import any_scene

from .conftest import Oracle


def test_the_letter_names_the_true_option_and_no_other_is_true(oracle: Oracle) -> None:
    rng = np.random.default_rng(0)
    letters: Counter[str] = Counter()
    for _ in range(300):
        scene = any_scene(rng)
        for make in OPEN.values():
            question = make(scene, rng, coin(rng))
            made = choice(question, rng) if question else None
            if made is None:
                continue
            assert len(set(made.options)) == len(LETTERS)
            assert made.options[LETTERS.index(made.letter)] == oracle(made.question.text, scene)
            letters[made.letter] += 1
    assert min(letters.values()) > 0.8 * max(letters.values())


def test_an_answer_out_of_range_gets_no_options() -> None:
    question = Question("How many stars are there?", "0", "count")
    assert choice(question, np.random.default_rng(0)) is None


def test_the_text_lists_the_options_below_the_question() -> None:
    rng, scene = np.random.default_rng(1), any_scene(np.random.default_rng(3))
    asked = [made for make in MAKERS.values() if (made := make(scene, rng, True)) is not None]
    assert asked
    for question in asked:
        first, *lines = question.text.split("\n")
        assert first.endswith("?")
        assert [line[:3] for line in lines] == ["A. ", "B. ", "C. ", "D. "]
        assert question.answer in LETTERS
