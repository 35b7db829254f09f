from __future__ import annotations

from itertools import islice

import numpy as np

from lvlm_eval.demo.conversations import (
    DESCRIBE,
    SUFFIX,
    Lesson,
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


def test_the_image_stands_before_the_question_and_nowhere_else() -> None:
    for group in islice(conversations(0), 40):
        for user, assistant in group:
            images = [isinstance(part, Image) for part in (*user.parts, *assistant.parts)]
            assert images in ([True, False, False], [False, False])


def test_a_conversation_is_one_question_as_the_tasks_ask_it_and_its_answer() -> None:
    for group in islice(conversations(1), 40):
        assert all([turn.role for turn in turns] == ["user", "assistant"] for turns in group)
        asked = [str(turns[0].parts[-1]) for turns in group]
        assert all(text.endswith(SUFFIX) or text == DESCRIBE for text in asked)
        assert len(set(asked)) == len(asked)


def test_a_group_is_about_one_picture() -> None:
    for group in islice(conversations(3), 40):
        assert len({turns[0].parts[:-1] for turns in group}) == 1


def test_about_one_group_in_ten_is_without_a_picture() -> None:
    groups = islice(conversations(2), 600)
    blind = np.mean([len(group[0][0].parts) == 1 for group in groups])
    assert 0.06 < blind < 0.14


def test_basics_ask_only_for_what_one_look_tells() -> None:
    later = ("left", "right", "above", "below", "many", "same", "arithmetic", "sign say")
    lessons: tuple[Lesson, ...] = ("basics", "mixed", "late")
    for lesson in lessons:
        groups = islice(conversations(5, lesson=lesson, suffix=""), 60)
        texts = [str(turns[0].parts[-1]) for group in groups for turns in group]
        assert not any(text.endswith(SUFFIX) for text in texts)
        assert any(word in text for text in texts for word in later) == (lesson != "basics")


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
