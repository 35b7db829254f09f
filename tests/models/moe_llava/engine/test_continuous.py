"""Sharing and admission: no budget, order or company changes an answer, nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from lvlm_eval.models.moe_llava.engine.block import Block
from lvlm_eval.models.moe_llava.engine.engine import Engine
from lvlm_eval.models.moe_llava.engine.footprint import Footprint
from lvlm_eval.models.moe_llava.engine.packed import step
from lvlm_eval.models.moe_llava.engine.plain import Plain
from lvlm_eval.models.moe_llava.engine.pool import Pool
from lvlm_eval.models.moe_llava.engine.sequence import Finished, Picture, Question
from lvlm_eval.models.moe_llava.engine.trunk import Trunk
from lvlm_eval.models.moe_llava.engine.trunk import prefill as prefill_trunk
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN
from lvlm_eval.schema import Decoding

from .asking import STEP, answers, never, pixels


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

    def watched(
        network: Network, blocks: Sequence[Block], embeds: Tensor, pool: Pool | None
    ) -> Tensor:
        seen.append(step(network, blocks, embeds, pool))
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
def test_no_more_is_cached_and_computed_than_the_budget_takes(
    network: Network, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    new, needs = 5, {q.question_id: q for q in many()}
    most = max(network.join(*_prompt(network, q)).embeds.shape[1] for q in needs.values()) + new
    seen: list[int] = []

    def watched(
        network: Network, blocks: Sequence[Block], embeds: Tensor, pool: Pool | None
    ) -> Tensor:
        logits = step(network, blocks, embeds, pool)
        buffers = [buffer for block in blocks for buffer in block._keys[:1] if buffer is not None]
        trunks = {id(block.trunk): block.trunk.length for block in blocks}
        cached = sum(b.shape[1] * b.shape[2] for b in buffers) + sum(trunks.values())
        seen.append(cached + Footprint.of(network).computing(len(embeds)))
        return logits

    monkeypatch.setattr(STEP, watched)
    answers(Engine(network, never, budget=budget), many(), Decoding(max_new_tokens=new))
    most += Footprint.of(network).computing(most - new)
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


def test_a_stop_string_may_begin_in_one_token_and_end_in_another(
    network: Network, expected: dict[str, Finished]
) -> None:
    def text(ids: Sequence[int]) -> str:
        return "".join(f"({number})" for number in ids)

    def stops(ids: Sequence[int], extra: Sequence[str]) -> bool:
        return any(stop in text(ids) for stop in extra)

    whole = expected["1/2"].new_token_ids
    stop = text(whole[2:4])[1:-1]  # of both tokens a part
    cut = next(end for end in range(1, 10) if stop in text(whole[:end]))
    engine = Engine(network, stops, batch=4)
    found = answers(engine, many(), Decoding(max_new_tokens=9, stop=(stop,)))
    assert (found["1/2"].new_token_ids, found["1/2"].reason) == (whole[:cut], "stop")
    for name, finished in found.items():
        ids = expected[name].new_token_ids
        ends = [end for end in range(1, 10) if stop in text(ids[:end])]
        assert finished.new_token_ids == ids[: min(ends, default=9)]
