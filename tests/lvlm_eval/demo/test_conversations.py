from __future__ import annotations

from itertools import islice

import numpy as np

from lvlm_eval.demo.captioning import caption, references
from lvlm_eval.demo.conversations import (
    DESCRIBE,
    Lesson,
    captions,
    conversations,
    questions,
)
from lvlm_eval.demo.draw import jpeg
from lvlm_eval.demo.scene import Scene, Sign, Thing, any_scene, scenes
from lvlm_eval.families.caption import PROMPT as CAPTION
from lvlm_eval.families.refcoco import INSTRUCTION
from lvlm_eval.prompts import OPTION_LETTER, SHORT_ANSWER
from lvlm_eval.schema import Image

from .conftest import Oracle


def test_the_same_seed_gives_the_same_conversations() -> None:
    once = list(islice(conversations(4), 20))
    assert once == list(islice(conversations(4), 20))
    assert once != list(islice(conversations(5), 20))


def test_images_stand_before_the_question_and_nowhere_else() -> None:
    shapes = set()
    for group in islice(conversations(0), 60):
        for user, assistant in group:
            images = [isinstance(part, Image) for part in (*user.parts, *assistant.parts)]
            assert images == [True] * sum(images) + [False, False]
            shapes.add(sum(images))
    assert shapes == {0, 1, 2}


def test_a_conversation_is_one_question_as_the_tasks_ask_it_and_its_answer() -> None:
    for group in islice(conversations(1), 40):
        assert all([turn.role for turn in turns] == ["user", "assistant"] for turns in group)
        asked = [str(turns[0].parts[-1]) for turns in group]
        assert all(_is_asked_by_a_task(text) for text in asked)
        assert len(set(asked)) == len(asked)


def _is_asked_by_a_task(text: str) -> bool:
    if text.endswith(OPTION_LETTER):
        return [line[:3] for line in text.split("\n")[1:5]] == ["A. ", "B. ", "C. ", "D. "]
    short = text.endswith(SHORT_ANSWER)
    return short or text.startswith(INSTRUCTION) or text in (DESCRIBE, CAPTION)


def test_a_group_is_about_the_same_pictures() -> None:
    for group in islice(conversations(3), 40):
        assert len({turns[0].parts[:-1] for turns in group}) == 1


def test_about_one_group_in_ten_is_without_a_picture() -> None:
    groups = islice(conversations(2), 600)
    blind = np.mean([len(group[0][0].parts) == 1 for group in groups])
    assert 0.06 < blind < 0.14


def test_basics_ask_only_for_what_one_look_tells() -> None:
    later = ("left", "right", "above", "below", "many", "same", "arithmetic", "sign say", "A. ")
    lessons: tuple[Lesson, ...] = ("basics", "mixed", "late")
    for lesson in lessons:
        groups = islice(conversations(5, lesson=lesson, brief=True), 60)
        texts = [str(turns[0].parts[-1]) for group in groups for turns in group]
        assert not any(_is_asked_by_a_task(text) for text in texts if text != DESCRIBE)
        assert any(word in text for text in texts for word in later) == (lesson != "basics")


def test_no_picture_of_training_is_one_of_the_evaluation() -> None:
    evaluation = scenes(np.random.default_rng(0), evaluation=True)
    seen = {turns[0].parts[0] for turns in islice(captions(0), 300)}
    assert not seen & {Image(data=jpeg(scene)) for scene in islice(evaluation, 100)}


def test_a_caption_lists_what_is_shown_in_reading_order() -> None:
    scene = Scene(
        (Thing("ring", "blue", "large", 3, 0), Thing("star", "red", "small", 1, 0)),
        Sign("cat", 1, 2),
    )
    assert caption(scene) == "a small red star, a sign that says cat, a large blue ring"
    said = references(scene)
    assert len(set(said)) == 5
    assert all("star" in text and "sign that says cat" in text for text in said)


def test_questions_on_one_picture_are_different_and_true(oracle: Oracle) -> None:
    rng = np.random.default_rng(6)
    for _ in range(50):
        scene = any_scene(rng)
        asked = questions(scene, rng, 8)
        assert len({question.text for question in asked}) == len(asked)
        assert all(oracle(question.text, scene) == question.answer for question in asked)
