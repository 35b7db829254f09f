"""Experts in turn and by load, on lopsided loads."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.models.moe_llava.parallel.experts import balanced, imbalance, in_turn

LOADS = {0: [60, 10, 50, 0], 3: [5, 5, 5]}


def test_a_layer_begins_where_the_last_one_ended() -> None:
    assert in_turn({0: 4, 3: 3, 5: 3}, 2) == {0: [0, 1, 0, 1], 3: [0, 1, 0], 5: [1, 0, 1]}


def test_the_heaviest_are_kept_apart() -> None:
    homes = balanced(LOADS, 2)
    assert homes[0] == [0, 1, 1, 0]
    assert sorted(homes[3]) in ([0, 0, 1], [0, 1, 1])


def test_imbalance_is_the_busiest_groups_time_over_an_even_one() -> None:
    # in turn: layer 0 has 110 and 10, layer 3 has 10 and 5; even would be 67.5 in all
    assert imbalance(LOADS, in_turn({0: 4, 3: 3}, 2), 2) == Fraction(110 + 10) / Fraction(135, 2)
    assert imbalance(LOADS, balanced(LOADS, 2), 2) == Fraction(60 + 10) / Fraction(135, 2)
    assert imbalance({0: [0, 0]}, {0: [0, 1]}, 2) == 1


@given(
    loads=st.dictionaries(
        st.integers(0, 9), st.lists(st.integers(0, 1000), min_size=1, max_size=9), min_size=1
    ),
    groups=st.integers(1, 5),
)
def test_every_expert_has_a_home_and_no_layer_is_far_from_the_best(
    loads: dict[int, list[int]], groups: int
) -> None:
    homes = balanced(loads, groups)
    for layer, counts in loads.items():
        assert len(homes[layer]) == len(counts)
        assert set(homes[layer]) <= set(range(groups))
        work = [0] * groups
        for count, home in zip(counts, homes[layer], strict=True):
            work[home] += count
        bound = max(Fraction(sum(counts), groups), Fraction(max(counts)))
        assert max(work) <= 2 * bound  # of every list scheduling
        fewest, most = (f(homes[layer].count(g) for g in range(groups)) for f in (min, max))
        if not any(counts):
            assert most - fewest <= 1
