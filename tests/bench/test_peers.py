"""That all sides answer alike, so that they may be compared by their speed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.agreement import flips
from bench.loads import Load, made_up
from bench.networks import DENSE, EXPERTS, dense, experts
from bench.peers import Answers, hugging_face, naive, original, ours
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.engine.sequence import Question

NEW_TOKENS, SIZE, VOCABULARY = 5, 28, 100
LOAD = Load(images=2, questions=3, new_tokens=NEW_TOKENS)


def small(config: NetworkConfig) -> NetworkConfig:
    """The same model with images of four patches and few words."""
    assert config.vision is not None
    vision = replace(config.vision, image_size=SIZE)
    return replace(config, vision=vision, decoder=replace(config.decoder, vocab_size=VOCABULARY))


@pytest.fixture
def questions() -> list[Question]:
    return made_up(LOAD, SIZE, VOCABULARY, seed=1)


def test_hugging_face_and_the_naive_loop_give_our_tokens(questions: list[Question]) -> None:
    network, theirs = dense(0, small(DENSE))
    answers = ours(network, NEW_TOKENS)(questions)
    assert {len(answer) for answer in answers.values()} == {NEW_TOKENS}
    assert len(set(answers.values())) > 1
    for side in (
        hugging_face(theirs, 1, NEW_TOKENS),
        hugging_face(theirs, 4, NEW_TOKENS),  # of unequal lengths, and two images in one batch
        naive(theirs, NEW_TOKENS),
    ):
        found = side(questions)
        assert found.keys() == answers.keys()
        assert flips(network, questions, answers, found) == 0


def test_the_originals_loop_gives_our_tokens(questions: list[Question]) -> None:
    pair = experts(0, small(EXPERTS))
    answers = ours(pair.network, NEW_TOKENS)(questions)
    found = original(pair, NEW_TOKENS)(questions)
    assert found.keys() == answers.keys()
    assert flips(pair.network, questions, answers, found) == 0


def test_an_answer_that_parts_where_nothing_is_near_is_refused(questions: list[Question]) -> None:
    network, _ = dense(0, small(DENSE))
    answers: Answers = ours(network, NEW_TOKENS)(questions)
    name, ids = next(iter(answers.items()))
    wrong = {name: (*ids[:2], (ids[2] + 1) % VOCABULARY, *ids[3:])}
    with pytest.raises(RuntimeError, match=f"{name}.*no near-tie"):
        flips(network, questions, answers, wrong)


def test_questions_about_an_image_share_all_but_an_object_of_their_own() -> None:
    questions = made_up(Load(2, 18, 8), 28, 2048, seed=0)
    assert len(questions) == len({question.token_ids for question in questions}) == 36
    assert {len(question.token_ids) for question in questions} == {62, 63, 64}
    firsts = [question.token_ids[40] for question in questions[:18]]
    assert len(set(firsts)) == 18
    assert len({(q.token_ids[:40], q.token_ids[-21:]) for q in questions}) == 1
