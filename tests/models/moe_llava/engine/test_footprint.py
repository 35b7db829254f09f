"""What the budget counts, by hand."""

from __future__ import annotations

from lvlm_eval.models.moe_llava.engine.footprint import Footprint
from lvlm_eval.models.moe_llava.network import Network

# a position kept takes 100 bytes, under way 250; a picture's vectors take 1,000
BY_HAND = Footprint(kept=100, computed=250, picture=1000)


def test_a_position_under_way_counts_by_what_it_takes_rounded_up() -> None:
    assert [BY_HAND.computing(tokens) for tokens in (0, 1, 2, 5)] == [0, 3, 5, 13]


def test_a_piece_is_what_can_be_computed_in_the_room_and_never_nothing() -> None:
    assert [BY_HAND.piece(free) for free in (-7, 0, 4, 5, 100)] == [1, 1, 1, 2, 40]


def test_scores_and_pictures_take_an_eighth_of_the_budget_each_at_most() -> None:
    budget = 800  # 80,000 bytes
    assert BY_HAND.scores(budget) == 1250  # of 8 bytes each
    assert BY_HAND.pictures(budget) == 10
    assert BY_HAND.left(budget) == 600
    assert BY_HAND.pictures(10**9) == 32
    assert BY_HAND.left(10**9) > 0.99 * 10**9


def test_a_model_without_pictures_remembers_none() -> None:
    assert Footprint(100, 250, 0).pictures(10**6) == 0


def test_the_sizes_are_those_of_the_network(network: Network) -> None:
    config = network.decoder.config
    found = Footprint.of(network)
    assert found.kept == 2 * config.layers * config.kv_heads * config.head_width * 4
    assert found.picture == network.image_positions * config.width * 4
    assert found.computed > 4 * (config.width + config.mlp_width)
