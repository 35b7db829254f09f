from __future__ import annotations

from itertools import islice

import numpy as np

from lvlm_eval.demo.conversations import (
    DESCRIBE,
    SUFFIX,
    caption,
    captions,
    conversations,
    questions,
)
from lvlm_eval.demo.scene import Scene, Sign, Thing, any_scene, scenes
from lvlm_eval.schema import Image

from .conftest import Oracle


def test_the_same_seed_gives_the_same_conversations() -> None:
    once = list(islice(conversations(4), 20))
    assert once == list(islice(conversations(4), 20))
    assert once != list(islice(conversations(5), 20))


def test_the_image_stands_before_the_first_question_and_only_there() -> None:
    for turns in islice(conversations(0), 60):
        images = [isinstance(part, Image) for turn in turns for part in turn.parts]
        assert sum(images) <= 1
        assert images[0] or not any(images)


def test_user_and_assistant_take_turns_and_questions_end_as_the_tasks_ask_them() -> None:
    for turns in islice(conversations(1), 60):
        assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
        asked = [str(turn.parts[-1]) for turn in turns[::2]]
        ends = [text.endswith(SUFFIX) for text in asked]
        assert asked == [DESCRIBE] or ends in ([True] * len(ends), [True] + [False] * len(ends[1:]))


def test_about_one_in_ten_of_the_question_rounds_is_without_a_picture() -> None:
    rounds = [turns for turns in islice(conversations(2), 800) if len(turns) > 2]
    blind = np.mean([not isinstance(turns[0].parts[0], Image) for turns in rounds])
    assert 0.06 < blind < 0.14


def test_no_picture_of_training_is_one_of_the_evaluation() -> None:
    evaluation = scenes(np.random.default_rng(0), evaluation=True)
    seen = {turns[0].parts[0] for turns in islice(captions(0), 300)}
    from lvlm_eval.demo.draw import jpeg

    assert not seen & {Image(data=jpeg(scene)) for scene in islice(evaluation, 100)}


def test_a_caption_lists_what_is_shown_in_reading_order() -> None:
    scene = Scene(
        (Thing("ring", "blue", "large", 3, 0), Thing("star", "red", "small", 1, 0)),
        Sign("cat", 1, 2),
    )
    assert caption(scene) == "a small red star, a sign that says cat, a large blue ring"


def test_questions_on_one_picture_are_different_and_true(oracle: Oracle) -> None:
    rng = np.random.default_rng(6)
    for _ in range(50):
        scene = any_scene(rng)
        asked = questions(scene, rng, 8)
        assert len({question.text for question in asked}) == len(asked)
        assert all(oracle(question.text, scene) == question.answer for question in asked)
