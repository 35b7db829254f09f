"""Groups of prompts: each prompt once, what is shared is really shared, and it pays."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lvlm_eval.batching import Group, Symbols, apart, common, piles, portion, share

# Few different symbols make many common prefixes; those below 0 stand for pictures of 20 positions.
prompts_of = st.lists(
    st.lists(st.sampled_from([-2, -1, 0, 1]), min_size=1, max_size=8).map(tuple), max_size=12
)
LONG = 10_000


def size(symbol: int) -> int:
    return 20 if symbol < 0 else 1


def positions(symbols: Symbols) -> int:
    return sum(map(size, symbols))


def computed(prompts: Sequence[Symbols], groups: Sequence[Group]) -> int:
    """Positions that are computed: each trunk once, each suffix by itself."""
    total = 0
    for group in groups:
        total += positions(prompts[group.members[0]][: group.trunk])
        total += sum(positions(prompts[member][group.trunk :]) for member in group.members)
    return total


def test_questions_about_a_picture_are_one_group_and_texts_with_little_in_common_are_not() -> None:
    prompts = [
        (7, 7, -1, 1, 2),  # the first picture, three times
        (5, 6),
        (7, 7, -2, 1, 2),  # the second
        (7, 7, -1, 1, 3),
        (7, 7, -1, 4),
    ]
    groups = share(prompts, size, LONG)
    assert groups == [Group((0, 3, 4), 3), Group((1,), 1), Group((2,), 4)]


def test_a_shared_text_is_a_trunk_as_well() -> None:
    options = tuple(range(10, 40))
    prompts = [(*options, 1), (*options, 2), (*options, 3, 4)]
    assert share(prompts, size, LONG) == [Group((0, 1, 2), 30)]


def test_equal_prompts_keep_one_symbol_of_their_own() -> None:
    assert share([(1, 2, 3), (1, 2, 3)], size, LONG) == [Group((0, 1), 2)]
    assert share([(1, 2), (1, 2, 3)], size, LONG) == [Group((0, 1), 1)]
    assert share([(1,), (1,)], size, LONG) == [Group((0,), 0), Group((1,), 0)]


def test_nothing_is_shared_before_suffixes_that_are_too_long() -> None:
    prompts = [(1, 2, 3, -1, 5), (1, 2, 3, -2, 5), (1, 2, 3, 4)]
    assert share(prompts, size, 21) == [Group((0, 1, 2), 3)]
    assert share(prompts, size, 20) == [Group((0,), 4), Group((1,), 4), Group((2,), 3)]


def test_a_chain_of_thousands_of_prompts_is_no_trouble() -> None:
    prompts = [(1,) * length for length in range(1, 3000)]
    groups = share(prompts, size, LONG)
    assert sorted(m for group in groups for m in group.members) == list(range(2999))


def test_no_prompts_are_no_groups_and_an_empty_prompt_is_refused() -> None:
    assert share([], size, LONG) == apart([]) == []
    with pytest.raises(ValueError, match="without symbols"):
        share([()], size, LONG)


@given(prompts_of, st.integers(0, 60))
@example([(0,), (0, 1), (0, 1)], 60)
def test_every_prompt_is_in_one_group_whose_trunk_it_begins_with(
    prompts: list[Symbols], longest: int
) -> None:
    groups = share(prompts, size, longest)
    assert sorted(m for group in groups for m in group.members) == list(range(len(prompts)))
    assert [group.members for group in groups] == sorted(group.members for group in groups)
    for group in groups:
        trunks = {prompts[member][: group.trunk] for member in group.members}
        assert len(trunks) == 1
        for member in group.members:
            suffix = prompts[member][group.trunk :]
            assert suffix
            assert len(group.members) == 1 or positions(suffix) <= longest


@given(prompts_of)
def test_no_partition_along_the_prefix_tree_computes_less(prompts: list[Symbols]) -> None:
    def fewest(places: list[int], depth: int) -> int:
        """By brute force over the tree: all of them as one group, or each child by itself."""
        children: dict[int | None, list[int]] = {}
        for place in places:
            rest = prompts[place][depth:]
            children.setdefault(rest[0] if rest else None, []).append(place)
        split = sum(
            fewest(child, depth + 1)
            if first is not None and len(child) > 1
            else sum(positions(prompts[place]) for place in child)
            for first, child in children.items()
        )
        trunk = min(depth, min(len(prompts[place]) for place in places) - 1)
        together = computed(prompts, [Group(tuple(places), trunk)])
        return min(split, together)

    expected = fewest(list(range(len(prompts))), 0) if prompts else 0
    assert computed(prompts, share(prompts, size, LONG)) == expected


@given(prompts_of, st.randoms(use_true_random=False), st.integers(0, 60))
def test_the_order_of_the_prompts_does_not_matter(
    prompts: list[Symbols], chance: random.Random, longest: int
) -> None:
    def described(order: Sequence[int]) -> list[tuple[list[Symbols], int]]:
        given_prompts = [prompts[place] for place in order]
        groups = share(given_prompts, size, longest)
        return sorted((sorted(given_prompts[m] for m in g.members), g.trunk) for g in groups)

    order = list(range(len(prompts)))
    expected = described(order)
    chance.shuffle(order)
    assert described(order) == expected


def test_prompts_apart_share_nothing() -> None:
    assert apart([(1, 2, 3), (1, 2, 3)]) == [Group((0,), 2), Group((1,), 2)]


def test_the_common_beginning_is_counted_in_symbols() -> None:
    assert common((1, 2, 3), (1, 2, 4)) == 2
    assert common((1, 2), (1, 2, 4)) == 2
    assert common((2,), (1, 2)) == 0


def test_a_portion_is_what_fits_with_the_longest_suffix_for_all() -> None:
    suffixes = [3, 3, 10, 1]

    def five(suffix: int) -> int:
        return suffix + 5

    assert portion(suffixes, five, 100, 116, 9) == 2  # 100 + 2 * (3 + 5)
    assert portion(suffixes, five, 100, 115, 9) == 1
    assert portion(suffixes, five, 100, 145, 9) == 3  # 100 + 3 * (10 + 5)
    assert portion(suffixes, five, 100, 1000, 9) == 4
    assert portion(suffixes, five, 100, 1000, 2) == 2
    assert portion(suffixes, five, 100, 50, 9) == 0
    assert portion(suffixes, five, 0, 16, 9) == 2  # the trunk is there already


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=9),
    st.integers(1, 9),
    st.integers(0, 50),
    st.integers(0, 120),
    st.integers(0, 9),
)
def test_a_portion_never_exceeds_the_room_and_one_more_would(
    suffixes: list[int], new: int, trunk: int, free: int, places: int
) -> None:
    def need(count: int) -> int:
        return trunk + count * (max(suffixes[:count]) + new)

    count = portion(suffixes, lambda suffix: suffix + new, trunk, free, places)
    assert count <= places
    assert count == 0 or need(count) <= free
    assert count == min(places, len(suffixes)) or need(count + 1) > free


def test_piles_are_neighbours_up_to_a_size() -> None:
    assert piles([3, 4, 2, 9, 0, 5, 1], 7) == [[0, 1], [2, 5], [6]]
    assert piles([8], 7) == piles([], 7) == piles([1], -3) == []
