"""All sequences attending at once give what each block by itself gives.

The kernel is a GPU's: here a plain statement of what it computes stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.engine import continuous, varlen, wave
from lvlm_eval.models.moe_llava.engine.engine import Engine
from lvlm_eval.models.moe_llava.engine.pool import stretches
from lvlm_eval.models.moe_llava.engine.sequence import Finished, Question
from lvlm_eval.models.moe_llava.engine.trunk import Prompt, Stem, Trunk, prefill
from lvlm_eval.models.moe_llava.engine.varlen import Spans
from lvlm_eval.models.moe_llava.engine.wave import Wanted, prefill_all
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.schema import Decoding

from ..conftest import MakeNetwork
from .asking import answers, count_live, never
from .test_continuous import many


def plainly(queries: Tensor, keys: Tensor, values: Tensor, spans: Spans) -> tuple[Tensor, Tensor]:
    """Sequence by sequence: softmax of the scores, and the log of the sum of their exponentials."""
    mixed, sums = [], []
    asked, seen = (list(pairwise(ends.tolist())) for ends in (spans.queries, spans.keys))
    assert asked[-1][1] == len(queries)
    assert max(end - start for start, end in asked) == spans.most_queries
    for (first, last), (start, end) in zip(asked, seen, strict=True):
        if first == last:
            continue  # a gap
        assert 0 < end - start <= spans.most_keys
        q, k, v = queries[first:last], keys[start:end], values[start:end]  # (t, H, d), (s, H, d)
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

    attend_by(kernel, monkeypatch)
    return called


def attend_by(kernel: Callable[..., tuple[Tensor, Tensor]], patched: pytest.MonkeyPatch) -> None:
    for module in (varlen, wave):
        patched.setattr(module, "attend_many", kernel)
    patched.setattr(continuous, "serves", lambda network: True)


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
        attend_by(plainly, patched)
        assert found() == expected
    assert len({finished.new_token_ids for finished in expected.values()}) > 5


def test_a_layer_takes_two_calls_however_many_trunks(
    network: Network, at_once: list[Spans]
) -> None:
    questions = many()
    answers(Engine(network, never), questions, Decoding(max_new_tokens=3))
    layers = len(network.decoder.blocks)
    assert len(at_once) == 3 * layers * 2 + layers - 1  # the last: all trunks are computed at once
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
    attend_by(plainly, monkeypatch)
    assert answers(Engine(network, never), questions, decoding) == expected


@torch.inference_mode()
@pytest.mark.parametrize("heads", [4, 2], ids=["heads", "shared heads"])
def test_trunks_computed_at_once_are_those_computed_alone(
    make_network: MakeNetwork, config: NetworkConfig, monkeypatch: pytest.MonkeyPatch, heads: int
) -> None:
    network = make_network(replace(config, decoder=replace(config.decoder, kv_heads=heads)))
    vectors = network.decoder.embed(torch.arange(3, 43))  # (40, D)
    prompts = [Prompt((0, *range(3, 3 + n)), n + 5, 99) for n in (12, 30)]
    alone = [prefill(network, p, vectors[: len(p.symbols) - 1], None) for p in prompts]
    attend_by(plainly, monkeypatch)
    stems = (None, Stem(alone[0], 10))
    wanted = [
        Wanted(prompt.symbols, trunk.length, prompt.length, stem)
        for prompt, trunk, stem in zip(prompts, alone, stems, strict=True)
    ]
    found = prefill_all(network, wanted, torch.cat((vectors[:12], vectors[10:30])))
    assert [trunk.length for trunk in found] == [12, 30]
    for mine, theirs in zip(found, alone, strict=True):
        assert mine.symbols == theirs.symbols
        torch.testing.assert_close(mine.keys, theirs.keys, atol=1e-5, rtol=0)
        torch.testing.assert_close(mine.values, theirs.values, atol=1e-5, rtol=0)
    assert found[0].memory == found[1].memory == (found[0].memory[0], 42)
    assert alone[0].memory[1] == 12


def test_memory_that_ends_while_trunks_are_computed_is_halved(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoding = Decoding(max_new_tokens=4)
    expected = answers(Engine(network, never), many(), decoding)
    computed: list[int] = []

    def limited(network: Network, wanted: Sequence[Wanted], embeds: Tensor) -> list[Trunk]:
        computed.append(len(wanted))
        if len(computed) == 1:
            raise torch.OutOfMemoryError
        return prefill_all(network, wanted, embeds)

    attend_by(plainly, monkeypatch)
    live = count_live(monkeypatch)
    monkeypatch.setattr(continuous, "prefill_all", limited)
    assert answers(Engine(network, never), many(), decoding) == expected
    assert len(computed) > 1
    assert max(live) > 1  # fewer at once, but not one by one


def test_stretches_are_places_one_after_the_other() -> None:
    assert stretches((5, 9), (2, 1)).tolist() == [5, 6, 9]
    assert stretches((3, 0, 7), (1, 0, 2)).tolist() == [3, 7, 8]


def test_a_cpu_attends_block_by_block(network: Network) -> None:
    assert not varlen.serves(network)
    assert not varlen.serves(network.to(torch.bfloat16))
