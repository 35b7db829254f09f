"""Prompts as symbols, and symbols as the vectors that splicing gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lvlm_eval.batching import common
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.engine.prompt import Alphabet, Encoded, embed
from lvlm_eval.models.moe_llava.engine.sequence import Picture, Question
from lvlm_eval.models.moe_llava.long_context import LongContext
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN

from ..conftest import MakeNetwork

PIXELS = torch.randn(3, 3, 12, 12, generator=torch.Generator().manual_seed(6))
PICTURES = [Picture(str(n), PIXELS[n]) for n in range(3)]
Parts = list[int]  # ids from 1, pictures below: 0, -1, -2


def question(parts: Parts) -> Question:
    ids = tuple(part if part > 0 else IMAGE_TOKEN for part in parts)
    return Question(str(parts), ids, tuple(PICTURES[-part] for part in parts if part <= 0))


def encoded(network: Network, *prompts: Parts, max_length: int | None = None) -> list[Encoded]:
    alphabet = Alphabet(network, max_length)
    return [alphabet.encode(question(parts)) for parts in prompts]


def test_equal_pictures_are_equal_symbols_and_others_are_not(network: Network) -> None:
    one, same, other = encoded(network, [3, 0, 5], [3, 0, 6], [3, -1, 5])
    assert common(one.symbols, same.symbols) == 3  # the mark, the id, the picture
    assert common(one.symbols, other.symbols) == 2
    assert one.ends == (0, 0, 1, 10, 11)
    assert one.length == 11


@pytest.mark.parametrize("limit", [1, 5, 10, 11, 12, 99])
def test_a_prompt_is_cut_where_splicing_cuts_it(network: Network, limit: int) -> None:
    parts = [3, 0, 5, -1]
    (cut,) = encoded(network, parts, max_length=limit)
    ids = torch.tensor(question(parts).token_ids)
    whole = network.splice([ids], PIXELS[:2], max_length=limit).embeds[0]
    assert cut.length == len(whole)


def test_a_picture_cut_short_is_another_symbol(network: Network) -> None:
    alphabet = Alphabet(network, 6)
    short = alphabet.encode(question([3, 0]))
    shorter = alphabet.encode(question([3, 3, 0]))
    assert short.length == shorter.length == 6
    assert short.symbols[-1] != shorter.symbols[-1]


def test_pictures_and_image_tokens_must_be_equally_many(network: Network) -> None:
    with pytest.raises(ValueError, match="1 image tokens but 0 images"):
        Alphabet(network, None).encode(Question("q", (3, IMAGE_TOKEN)))


def test_prompts_that_are_scaled_share_nothing_with_those_that_are_not(
    make_network: MakeNetwork, config: NetworkConfig
) -> None:
    decoder = replace(config.decoder, embedding_scale=3.0)
    network = make_network(replace(config, decoder=decoder))
    text, shown = encoded(network, [3, 4, 5], [3, 4, 0])
    assert common(text.symbols, shown.symbols) == 0
    assert (text.scaled, shown.scaled) == (True, False)


def test_prompts_beyond_the_trained_length_share_nothing(
    make_network: MakeNetwork, config: NetworkConfig
) -> None:
    long = LongContext("dynamic", 2.0, trained=4)
    network = make_network(replace(config, decoder=replace(config.decoder, long=long)))
    first, second, short, same = encoded(network, [3] * 5, [3] * 5, [3] * 4, [3] * 3)
    assert common(first.symbols, second.symbols) == common(first.symbols, short.symbols) == 0
    assert common(short.symbols, same.symbols) == 4


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prompts=st.lists(st.lists(st.integers(-2, 9), min_size=1, max_size=6), min_size=1, max_size=3),
    limit=st.integers(3, 30),
    cut=st.integers(0, 4),
    scale=st.sampled_from([1.0, 3.0]),
)
def test_vectors_of_pieces_are_those_of_the_spliced_prompts(
    make_network: MakeNetwork,
    config: NetworkConfig,
    prompts: list[Parts],
    limit: int,
    cut: int,
    scale: float,
) -> None:
    decoder = replace(config.decoder, embedding_scale=scale)
    network = make_network(replace(config, decoder=decoder))
    alphabet = Alphabet(network, limit)
    with torch.no_grad():
        features = dict(zip("012", network.image_features(PIXELS), strict=True))
        expected, pieces = [], []
        for parts in prompts:
            one = alphabet.encode(question(parts))
            ids = torch.tensor(question(parts).token_ids)
            shown = [features[picture.key] for picture in question(parts).pictures]
            whole = network.join([ids], shown, max_length=limit).embeds[0]
            start = min(cut, len(one.symbols) - 1)
            expected.append(whole[one.ends[start] :])
            pieces.append((one.symbols[start:], one.scaled))
        got = embed(network, alphabet, pieces, features)
    torch.testing.assert_close(got, torch.cat(expected))
