"""The loop: batches, pictures, ends, memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lvlm_eval.models.moe_llava.engine.block import Block
from lvlm_eval.models.moe_llava.engine.engine import Engine, EngineRouting
from lvlm_eval.models.moe_llava.engine.packed import step
from lvlm_eval.models.moe_llava.engine.pool import Pool
from lvlm_eval.models.moe_llava.engine.runner import prefill
from lvlm_eval.models.moe_llava.engine.sequence import Finished, Picture, Question
from lvlm_eval.models.moe_llava.engine.trunk import Prompt, Trunk
from lvlm_eval.models.moe_llava.engine.trunk import prefill as prefill_trunk
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN, Spliced
from lvlm_eval.schema import Decoding

from .asking import STEP, answers, count_live, never, pixels


@pytest.fixture
def questions() -> list[Question]:
    first, second = Picture("first", pixels(1)), Picture("second", pixels(2))
    return [
        Question("a", (3, 4, IMAGE_TOKEN, 5), (first,)),
        Question("b", (3, IMAGE_TOKEN, 9, 8, 7, 6, 5, 4, 3), (second,)),
        Question("c", (3, 9)),
        Question("d", (IMAGE_TOKEN, 1, IMAGE_TOKEN, 2), (second, first)),
        Question("e", (3, 4, IMAGE_TOKEN, 5), (first,)),
    ]


def test_a_batch_answers_as_each_question_by_itself(
    network: Network, questions: list[Question]
) -> None:
    engine, decoding = Engine(network, never), Decoding(max_new_tokens=12)
    together = answers(engine, questions, decoding)
    alone = {q.question_id: answers(engine, [q], decoding)[q.question_id] for q in questions}
    assert together == alone
    assert together["a"].new_token_ids == together["e"].new_token_ids
    assert len({one.new_token_ids for one in together.values()}) == 4  # lively, not all alike
    assert all(len(one.new_token_ids) == 12 for one in together.values())


def test_an_answer_equals_greedy_steps_without_a_cache(
    network: Network, questions: list[Question]
) -> None:
    question = questions[1]
    got = answers(Engine(network, never), [question], Decoding(max_new_tokens=6))["b"]
    ids = list(question.token_ids)
    with torch.no_grad():
        for expected in got.new_token_ids:
            spliced = network.splice([torch.tensor(ids)], pixels(2)[None])
            assert network(spliced.embeds).logits[0, -1].argmax().item() == expected
            ids.append(expected)


def test_those_that_end_leave_the_batch_and_change_no_other(
    network: Network, questions: list[Question]
) -> None:
    decoding = Decoding(max_new_tokens=10)
    free = answers(Engine(network, never), questions, decoding)
    ends = {free["a"].new_token_ids[2], free["b"].new_token_ids[5]}

    def stops(ids: Sequence[int], extra: Sequence[str]) -> bool:
        return ids[-1] in ends

    for name, finished in answers(Engine(network, stops), questions, decoding).items():
        whole = free[name].new_token_ids
        end = next((n for n, token in enumerate(whole) if token in ends), None)
        expected = whole if end is None else whole[: end + 1]
        assert finished.new_token_ids == expected
        assert finished.reason == ("length" if end is None else "stop")


def test_each_distinct_picture_of_a_batch_is_encoded_once(
    network: Network, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    encode = Network.image_features

    def counted(self: Network, pixels: Tensor) -> Tensor:
        seen.append(len(pixels))
        return encode(self, pixels)

    monkeypatch.setattr(Network, "image_features", counted)
    answers(Engine(network, never), questions, Decoding(max_new_tokens=1))
    assert sum(seen) == 2


def test_questions_without_pictures_do_not_touch_the_tower(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.vision = None
    found = answers(Engine(network, never), [Question("c", (3, 9))], Decoding(max_new_tokens=2))
    assert len(found["c"].new_token_ids) == 2


def test_seeded_draws_depend_on_seed_and_question_alone(
    network: Network, questions: list[Question]
) -> None:
    engine = Engine(network, never)
    warm = Decoding(max_new_tokens=8, temperature=1.0, top_p=0.9, seed=5)
    together = answers(engine, questions, warm)
    backwards = answers(engine, questions[::-1], warm)
    assert together == backwards
    assert together["a"] == answers(engine, questions[:1], warm)["a"]
    assert together["a"].new_token_ids != together["e"].new_token_ids
    other = Decoding(max_new_tokens=8, temperature=1.0, top_p=0.9, seed=6)
    assert answers(engine, questions, other) != together


def test_more_than_the_memory_holds_is_halved_and_answers_the_same(
    network: Network, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, decoding = Engine(network, never), Decoding(max_new_tokens=4)
    expected = answers(engine, questions, decoding)
    sizes: list[int] = []

    def limited(
        network: Network, blocks: Sequence[Block], embeds: Tensor, pool: Pool | None
    ) -> Tensor:
        sizes.append(sum(map(len, blocks)))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError
        return step(network, blocks, embeds, pool)

    monkeypatch.setattr(STEP, limited)
    assert answers(engine, questions, decoding) == expected
    assert sizes[:2] == [5, 2]
    assert max(sizes[1:]) == 2


@pytest.mark.parametrize("after", [0, 1, 2])
def test_memory_that_ends_while_trunks_are_computed_loses_and_repeats_no_question(
    network: Network, questions: list[Question], monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    engine, decoding = Engine(network, never), Decoding(max_new_tokens=4)
    expected = answers(engine, questions, decoding)
    calls: list[int] = []

    def limited(network: Network, prompt: Prompt, *rest: object) -> Trunk:
        calls.append(prompt.piece)
        if len(calls) == after + 1:
            raise torch.OutOfMemoryError
        return prefill_trunk(network, prompt, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("lvlm_eval.models.moe_llava.engine.continuous.prefill", limited)
    live = count_live(monkeypatch)
    assert answers(engine, questions, decoding) == expected
    assert max(live) == 2  # half of the five that were to be live


@pytest.mark.parametrize("routing", ["argmax", "sampled"])
def test_a_question_too_large_for_the_memory_fails_alone(
    network: Network,
    questions: list[Question],
    monkeypatch: pytest.MonkeyPatch,
    routing: EngineRouting,
) -> None:
    engine, decoding = Engine(network, never, routing), Decoding(max_new_tokens=4)
    expected = answers(engine, questions, decoding)

    def limited(
        network: Network, blocks: Sequence[Block], embeds: Tensor, pool: Pool | None
    ) -> Tensor:
        if any(block.trunk.length > 16 for block in blocks):
            raise torch.OutOfMemoryError("too long")
        return step(network, blocks, embeds, pool)

    def padded(network: Network, prompts: Spliced, *rest: object) -> object:
        if prompts.embeds.shape[1] > 17:
            raise torch.OutOfMemoryError("too long")
        return prefill(network, prompts, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(STEP, limited)
    monkeypatch.setattr("lvlm_eval.models.moe_llava.engine.plain.prefill", padded)
    found = answers(engine, questions, decoding)
    assert found.pop("d") == Finished("d", (), "error", "OutOfMemoryError: too long")
    del expected["d"]
    assert found == expected


def test_prompts_are_cut_at_the_models_length(network: Network, questions: list[Question]) -> None:
    decoding = Decoding(max_new_tokens=3)
    cut = answers(Engine(network, never, max_length=4), [questions[1]], decoding)["b"]
    shorter = Question("b", (3, *questions[1].token_ids[1:2]), questions[1].pictures)
    assert cut == answers(Engine(network, never, max_length=4), [shorter], decoding)["b"]
    assert cut != answers(Engine(network, never), [questions[1]], decoding)["b"]


def test_half_precision_runs_end_to_end(golden: Path) -> None:
    from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
    from lvlm_eval.models.moe_llava.moe import MoELayer

    network = open_checkpoint(str(golden / "phi")).load(412, torch.bfloat16)
    first = network.decoder.blocks[0].mlp
    assert isinstance(first, MoELayer)
    assert first.router.weight.dtype == torch.float32
    assert network.dtype == torch.bfloat16
    picture = Picture("p", torch.randn(3, 56, 56, generator=torch.Generator().manual_seed(0)))
    question = Question("q", (1, IMAGE_TOKEN, 2), (picture,))
    found = answers(Engine(network, never), [question], Decoding(max_new_tokens=3))
    assert len(found["q"].new_token_ids) == 3


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_stream_gives_the_ids_of_a_run_one_by_one(
    network: Network, questions: list[Question], temperature: float
) -> None:
    decoding = Decoding(max_new_tokens=7, temperature=temperature, seed=2)
    end = answers(Engine(network, never), questions, decoding)["b"].new_token_ids[4]

    def stops(ids: Sequence[int], extra: Sequence[str]) -> bool:
        return ids[-1] == end

    engine = Engine(network, stops)
    expected = answers(engine, questions, decoding)
    for question in questions:
        stream, ids = engine.stream(question, decoding), list[int]()
        with pytest.raises(StopIteration) as stopped:
            while True:
                ids.append(next(stream))
        finished = stopped.value.value
        assert finished == expected[question.question_id]
        assert tuple(ids) == finished.new_token_ids


def test_a_stream_too_large_for_the_memory_ends_as_failed(
    network: Network, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(STEP, full)
    with pytest.raises(StopIteration) as stopped:
        next(Engine(network, never).stream(questions[0], Decoding()))
    assert stopped.value.value == Finished("a", (), "error", "OutOfMemoryError: full")


def test_a_conversation_that_would_be_cut_is_not_streamed(
    network: Network, questions: list[Question]
) -> None:
    question, decoding = questions[2], Decoding(max_new_tokens=2)  # of two ids

    def last(max_length: int) -> Finished:
        stream = Engine(network, never, max_length=max_length).stream(question, decoding)
        with pytest.raises(StopIteration) as stopped:
            while True:
                next(stream)
        finished: Finished = stopped.value.value
        return finished

    assert last(3).reason == "length"
    assert last(2).error.startswith("UsageError: the conversation fills the 2 positions")
