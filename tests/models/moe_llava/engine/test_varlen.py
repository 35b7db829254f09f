"""All sequences attending at once give what each block by itself gives.

The kernel is a GPU's: here a plain statement of what it computes stands in for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.engine import continuous, varlen
from lvlm_eval.models.moe_llava.engine.engine import Engine
from lvlm_eval.models.moe_llava.engine.pool import stretches
from lvlm_eval.models.moe_llava.engine.sequence import Finished, Question
from lvlm_eval.models.moe_llava.engine.varlen import Spans
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.schema import Decoding

from ..conftest import MakeNetwork
from .asking import answers, never
from .test_continuous import many


def plainly(queries: Tensor, keys: Tensor, values: Tensor, spans: Spans) -> tuple[Tensor, Tensor]:
    """Sequence by sequence: softmax of the scores, and the log of the sum of their exponentials."""
    mixed, sums = [], []
    asked, seen = spans.queries.diff().tolist(), spans.keys.diff().tolist()
    assert max(asked) == spans.most_queries
    assert max(seen) == spans.most_keys
    assert sum(asked) == len(queries)
    assert sum(seen) == len(keys) == len(values)
    parts = zip(*map(torch.split, (queries, keys, values), (asked, seen, seen)), strict=True)
    for q, k, v in parts:  # (t, H, d) over (s, H, d)
        scores = torch.einsum("thd,shd->hts", q, k) * q.shape[-1] ** -0.5
        if spans.causal:
            later = torch.ones(len(q), len(k), dtype=torch.bool).triu(len(k) - len(q) + 1)
            scores = scores.masked_fill(later, -torch.inf)
        mixed.append(torch.einsum("hts,shd->thd", scores.softmax(dim=-1), v))
        sums.append(scores.logsumexp(dim=-1))  # (H, t)
    return torch.cat(mixed), torch.cat(sums, dim=1)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[Spans]:
    """Has all sequences attend at once; what the kernel was called with."""
    called: list[Spans] = []

    def kernel(
        queries: Tensor, keys: Tensor, values: Tensor, spans: Spans
    ) -> tuple[Tensor, Tensor]:
        called.append(spans)
        return plainly(queries, keys, values, spans)

    monkeypatch.setattr(varlen, "attend_many", kernel)
    monkeypatch.setattr(continuous, "serves", lambda network: True)
    return called


def ragged(ids: Sequence[int], extra: Sequence[str]) -> bool:
    """Answers end here and there."""
    return ids[-1] % 3 == 0


@pytest.mark.parametrize("heads", [4, 2], ids=["heads", "shared heads"])
@pytest.mark.parametrize(("budget", "batch"), [(0, 64), (1, 64), (75, 3)])
def test_answers_are_those_of_blocks_by_themselves(
    make_network: MakeNetwork,
    config: NetworkConfig,
    monkeypatch: pytest.MonkeyPatch,
    heads: int,
    budget: int,
    batch: int,
) -> None:
    network = make_network(replace(config, decoder=replace(config.decoder, kv_heads=heads)))
    decoding = Decoding(max_new_tokens=6)

    def found() -> dict[str, Finished]:
        engine = Engine(network, ragged, budget=budget, batch=batch)
        return answers(engine, many(), decoding)

    expected = found()
    with monkeypatch.context() as patched:
        patched.setattr(varlen, "attend_many", plainly)
        patched.setattr(continuous, "serves", lambda network: True)
        assert found() == expected
    assert len({finished.new_token_ids for finished in expected.values()}) > 5


def test_a_layer_takes_two_calls_however_many_trunks(
    network: Network, at_once: list[Spans]
) -> None:
    questions = many()
    answers(Engine(network, never), questions, Decoding(max_new_tokens=3))
    layers = len(network.decoder.blocks)
    assert len(at_once) == 3 * layers * 2
    far = [spans for spans in at_once if not spans.causal]
    assert max(len(spans.queries) - 1 for spans in far) > 3  # trunks in one call


@pytest.mark.parametrize("others", [True, False], ids=["some", "all"])
def test_prompts_of_a_single_token_have_no_trunk(
    network: Network, monkeypatch: pytest.MonkeyPatch, others: bool
) -> None:
    questions = [Question(f"single {n}", (n,), ()) for n in range(20, 24)]
    questions += many()[:5] if others else []
    decoding = Decoding(max_new_tokens=4)
    expected = answers(Engine(network, never), questions, decoding)
    monkeypatch.setattr(varlen, "attend_many", plainly)
    monkeypatch.setattr(continuous, "serves", lambda network: True)
    assert answers(Engine(network, never), questions, decoding) == expected


def test_stretches_are_places_one_after_the_other() -> None:
    assert stretches((5, 9), (2, 1)).tolist() == [5, 6, 9]
    assert stretches((3, 0, 7), (1, 0, 2)).tolist() == [3, 7, 8]


def test_a_cpu_attends_block_by_block(network: Network) -> None:
    assert not varlen.serves(network)
    assert not varlen.serves(network.to(torch.bfloat16))
