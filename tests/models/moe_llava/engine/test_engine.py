"""The loop: batches, pictures, ends, memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from lvlm_eval.models.moe_llava.engine.block import Block
from lvlm_eval.models.moe_llava.engine.engine import Engine, EngineRouting
from lvlm_eval.models.moe_llava.engine.packed import step
from lvlm_eval.models.moe_llava.engine.plain import Plain
from lvlm_eval.models.moe_llava.engine.runner import prefill
from lvlm_eval.models.moe_llava.engine.sequence import Finished, Picture, Question
from lvlm_eval.models.moe_llava.engine.trunk import Trunk
from lvlm_eval.models.moe_llava.engine.trunk import prefill as prefill_trunk
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN, Spliced
from lvlm_eval.schema import Decoding


def pixels(seed: int) -> Tensor:
    return torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(seed))


def never(ids: Sequence[int], extra: Sequence[str]) -> bool:
    return False


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


def answers(
    engine: Engine, questions: Sequence[Question], decoding: Decoding
) -> dict[str, Finished]:
    finished = list(engine.run(questions, decoding))
    assert sorted(one.question_id for one in finished) == sorted(q.question_id for q in questions)
    return {one.question_id: one for one in finished}


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


STEP = "lvlm_eval.models.moe_llava.engine.continuous.step"


def test_more_than_the_memory_holds_is_halved_and_answers_the_same(
    network: Network, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, decoding = Engine(network, never), Decoding(max_new_tokens=4)
    expected = answers(engine, questions, decoding)
    sizes: list[int] = []

    def limited(network: Network, blocks: Sequence[Block], embeds: Tensor) -> Tensor:
        sizes.append(sum(map(len, blocks)))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError
        return step(network, blocks, embeds)

    monkeypatch.setattr(STEP, limited)
    assert answers(engine, questions, decoding) == expected
    assert sizes[:2] == [5, 2]
    assert max(sizes[1:]) == 2


@pytest.mark.parametrize("routing", ["argmax", "sampled"])
def test_a_question_too_large_for_the_memory_fails_alone(
    network: Network,
    questions: list[Question],
    monkeypatch: pytest.MonkeyPatch,
    routing: EngineRouting,
) -> None:
    engine, decoding = Engine(network, never, routing), Decoding(max_new_tokens=4)
    expected = answers(engine, questions, decoding)

    def limited(network: Network, blocks: Sequence[Block], embeds: Tensor) -> Tensor:
        if any(block.trunk.length > 15 for block in blocks):
            raise torch.OutOfMemoryError("too long")
        return step(network, blocks, embeds)

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


def many() -> list[Question]:
    """Questions of several pictures that come in turns, one asked twice, two with two pictures,
    some with none but a long text in common."""
    pictures = [Picture(str(n), pixels(n)) for n in range(3)]
    options = (30, 31, 32, 33, 34, 35, 36, 37, 38, 39)
    found = []
    for turn in range(4):
        for n, picture in enumerate(pictures):
            ids = (3, 4, IMAGE_TOKEN, *range(5, 6 + (turn + n) % 3), 20 + turn)
            found.append(Question(f"{n}/{turn}", ids, (picture,)))
        found.append(Question(f"text/{turn}", (*options, 40 + turn % 2)))
    both = (3, 4, IMAGE_TOKEN, 8, IMAGE_TOKEN, 9)
    found.append(Question("shared", both, (pictures[0], pictures[1])))
    found.append(Question("turned", both, (pictures[1], pictures[0])))
    found.append(Question("twice", (3, 4, IMAGE_TOKEN, 5, 20), (pictures[0],)))
    return found


@pytest.fixture
def expected(network: Network) -> dict[str, Finished]:
    """What whole prompts in one padded batch, nothing shared, answer."""
    plain = Plain(network, never, "argmax").steps(many(), Decoding(max_new_tokens=9))
    return {f.question_id: f for made in plain for _, f in made if f is not None}


@pytest.mark.parametrize("reuse", [True, False], ids=["shared", "apart"])
@pytest.mark.parametrize(
    ("budget", "batch"), [(0, 64), (1, 64), (40, 64), (75, 3), (200, 7), (0, 1)]
)
def test_no_budget_and_no_reuse_changes_an_answer(
    network: Network, expected: dict[str, Finished], budget: int, batch: int, reuse: bool
) -> None:
    engine = Engine(network, never, budget=budget, batch=batch, reuse=reuse)
    assert answers(engine, many(), Decoding(max_new_tokens=9)) == expected
    assert len({finished.new_token_ids for finished in expected.values()}) > 5  # lively


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(19)), budget=st.integers(1, 300))
def test_no_order_of_arrival_changes_an_answer(
    network: Network, expected: dict[str, Finished], order: list[int], budget: int
) -> None:
    questions = [many()[place] for place in order]
    engine = Engine(network, never, budget=budget)
    assert answers(engine, questions, Decoding(max_new_tokens=9)) == expected


@pytest.mark.parametrize("reuse", [True, False], ids=["shared", "apart"])
def test_logits_of_shared_prompts_are_those_of_whole_ones(
    network: Network, monkeypatch: pytest.MonkeyPatch, reuse: bool
) -> None:
    seen: list[Tensor] = []

    def watched(network: Network, blocks: Sequence[Block], embeds: Tensor) -> Tensor:
        seen.append(step(network, blocks, embeds))
        return seen[-1]

    monkeypatch.setattr(STEP, watched)
    found = answers(Engine(network, never, reuse=reuse), many(), Decoding(max_new_tokens=2))
    rows = torch.cat(seen).sort(dim=0).values  # whoever's they are: all of them, column by column
    whole = []
    with torch.no_grad():
        for question in many():
            first = found[question.question_id].new_token_ids[0]
            ids = torch.tensor([*question.token_ids, first])
            shown = [picture.pixels for picture in question.pictures]
            spliced = network.splice([ids], torch.stack(shown) if shown else None)
            whole.append(network(spliced.embeds).logits[0, -2:])
    torch.testing.assert_close(rows, torch.cat(whole).sort(dim=0).values, atol=1e-4, rtol=0)


def test_what_prompts_share_is_computed_once(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []

    def counted(network: Network, symbols: object, embeds: Tensor, *rest: object) -> Trunk:
        lengths.append(len(embeds))
        return prefill_trunk(network, symbols, embeds, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("lvlm_eval.models.moe_llava.engine.continuous.prefill", counted)
    picture = Picture("1", pixels(1))
    questions = [Question(str(n), (3, 4, IMAGE_TOKEN, 5, n), (picture,)) for n in range(10, 20)]
    answers(Engine(network, never), questions, Decoding(max_new_tokens=2))
    assert lengths == [12]  # two ids, nine patches, one id
    lengths.clear()
    answers(Engine(network, never, batch=4), questions, Decoding(max_new_tokens=2))
    assert lengths == [12]  # the trunk stays while some of its questions wait
    lengths.clear()
    other = Picture("2", pixels(2))
    more = [Question(f"more {n}", (3, 4, IMAGE_TOKEN, 5, n), (other,)) for n in range(10, 20)]
    answers(Engine(network, never), [*questions, *more], Decoding(max_new_tokens=2))
    assert lengths == [12, 10]  # the second begins with the first's two ids


@pytest.mark.parametrize("budget", [30, 64, 100, 333])
def test_no_more_positions_are_cached_than_the_budget_takes(
    network: Network, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    new, needs = 5, {q.question_id: q for q in many()}
    most = max(network.join(*_prompt(network, q)).embeds.shape[1] for q in needs.values()) + new
    seen: list[int] = []

    def watched(network: Network, blocks: Sequence[Block], embeds: Tensor) -> Tensor:
        logits = step(network, blocks, embeds)
        buffers = [buffer for block in blocks for buffer in block._keys[:1] if buffer is not None]
        trunks = {id(block.trunk): block.trunk.length for block in blocks}
        seen.append(sum(b.shape[1] * b.shape[2] for b in buffers) + sum(trunks.values()))
        return logits

    monkeypatch.setattr(STEP, watched)
    answers(Engine(network, never, budget=budget), many(), Decoding(max_new_tokens=new))
    assert max(seen) <= max(budget, most)
    assert budget < most or max(seen) > budget // 2


def _prompt(network: Network, question: Question) -> tuple[list[Tensor], list[Tensor]]:
    features = [network.image_features(p.pixels[None])[0] for p in question.pictures]
    return [torch.tensor(question.token_ids)], features


@pytest.mark.parametrize("tokens", [1, 1024])
def test_answers_of_one_and_of_a_thousand_tokens(network: Network, tokens: int) -> None:
    questions, decoding = many()[:5], Decoding(max_new_tokens=tokens)
    found = answers(Engine(network, never), questions, decoding)
    assert {len(finished.new_token_ids) for finished in found.values()} == {tokens}
    last = questions[3]  # a text
    ids = torch.tensor([*last.token_ids, *found[last.question_id].new_token_ids])
    with torch.no_grad():
        logits = network(network.join([ids], []).embeds).logits[0]
    chosen = logits[len(last.token_ids) - 1 : -1].argmax(dim=-1)
    assert chosen.tolist() == ids[len(last.token_ids) :].tolist()


def test_an_end_at_once_is_an_answer(network: Network) -> None:
    def at_once(ids: Sequence[int], extra: Sequence[str]) -> bool:
        return True

    for finished in answers(Engine(network, at_once, batch=2), many(), Decoding()).values():
        assert finished.reason == "stop"
        assert len(finished.new_token_ids) == 1


def test_questions_are_taken_as_they_are_needed(network: Network) -> None:
    taken: list[str] = []

    def asked() -> Iterator[Question]:
        for n in range(5000):
            taken.append(str(n))
            yield Question(str(n), (1, 2, n % 50))

    engine = Engine(network, never, batch=8, window=512)
    answering = engine.run(asked(), Decoding(max_new_tokens=1))
    next(answering)
    assert len(taken) <= 1024
