"""Which prompts share their beginning, and how many fit at once: plans, free of tensors.

A prompt is a tuple of whole numbers, its symbols: whatever must be equal for two prompts to mean
the same up to there. Token ids are symbols of one position; a picture is one symbol of many. A
system prompt, one or several pictures, few-shot examples and options shared by questions are so
all one case: a common prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, takewhile

Symbols = tuple[int, ...]
Size = Callable[[int], int]  # a symbol to how many positions it takes


@dataclass(frozen=True, slots=True)
class Group:
    """Prompts, by their places in order, whose first `trunk` symbols are equal and computed once.

    Each prompt keeps at least one symbol of its own.
    """

    members: tuple[int, ...]
    trunk: int


def share(prompts: Sequence[Symbols], size: Size, longest: int) -> list[Group]:
    """Every prompt in exactly one group, so that the fewest positions are computed.

    A shared beginning counts once, what follows it once a prompt. Where sharing saves nothing
    a prompt stays by itself, and also where more than `longest` positions would follow what is
    shared. Groups, and the prompts of a group, come in the order of their first prompt. What
    is grouped does not depend on the order of the prompts.
    """
    order = sorted(range(len(prompts)), key=prompts.__getitem__)
    leaves = [_leaf(place, prompts[place], size) for place in order]
    if not leaves:
        return []
    stack: list[_Open] = []
    last = leaves[0]
    for leaf in leaves[1:]:
        depth = common(last.prompts[-1], leaf.prompts[0])
        last = _close(stack, depth, last, longest)
        if stack and stack[-1].depth == depth:
            stack[-1].parts.append(last)
        else:
            stack.append(_Open(depth, [last]))
        last = leaf
    whole = _close(stack, -1, last, longest)
    return sorted(whole.groups, key=lambda group: group.members)


def apart(prompts: Sequence[Symbols]) -> list[Group]:
    """Every prompt by itself."""
    return [Group((place,), len(prompt) - 1) for place, prompt in enumerate(prompts)]


def common(one: Symbols, other: Symbols) -> int:
    """How many first symbols are equal."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def portion(
    suffixes: Sequence[int], each: Callable[[int], int], trunk: int, free: int, places: int
) -> int:
    """How many of a group's first prompts fit: in `free` positions and `places` sequences.

    each: what a prompt takes whose suffix has so many positions. A prompt counts with the longest
    suffix that is admitted with it (suffixes of one admission lie in one buffer); the trunk
    counts once, 0 if it is there already.
    """
    longest = accumulate(suffixes[:places], max)
    needs = (trunk + count * each(suffix) for count, suffix in enumerate(longest, start=1))
    return sum(1 for _ in takewhile(lambda need: need <= free, needs))


def piles(sizes: Sequence[int], most: int) -> list[list[int]]:
    """Places of neighbours that together have at most so much, in order; what is larger by itself,
    or of no size, is in none."""
    found: list[list[int]] = []
    room = 0
    for place, size in enumerate(sizes):
        if not 0 < size <= most:
            continue
        if size > room:
            found.append([])
            room = most
        found[-1].append(place)
        room -= size
    return found


@dataclass(slots=True)
class _Part:
    """Neighbours in sorted order, best grouped: `computed` positions in all.

    prompts: the first and the last of them. lengths: positions of each; shortest: symbols of
    the shortest.
    """

    members: list[int]
    prompts: tuple[Symbols, Symbols]
    ends: Sequence[int]
    longest: int
    total: int
    shortest: int
    computed: int
    groups: list[Group]


@dataclass(slots=True)
class _Open:
    """An inner node of the prefix tree whose last child is still to come."""

    depth: int
    parts: list[_Part] = field(default_factory=list)


def _leaf(place: int, prompt: Symbols, size: Size) -> _Part:
    if not prompt:
        raise ValueError("a prompt without symbols cannot be answered")
    ends = list(accumulate(map(size, prompt), initial=0))  # positions before each symbol
    total = ends[-1]
    alone = [Group((place,), len(prompt) - 1)]
    return _Part([place], (prompt, prompt), ends, total, total, len(prompt), total, alone)


def _close(stack: list[_Open], depth: int, last: _Part, longest: int) -> _Part:
    """The node that holds `last` once all nodes deeper than `depth` are complete."""
    while stack and stack[-1].depth > depth:
        node = stack.pop()
        last = _joined(node.depth, [*node.parts, last], longest)
    return last


def _joined(depth: int, parts: Sequence[_Part], longest: int) -> _Part:
    """The parts as one, grouped anew if that computes less."""
    members = [member for part in parts for member in part.members]
    computed = sum(part.computed for part in parts)
    groups = [group for part in parts for group in part.groups]
    most, total = max(part.longest for part in parts), sum(part.total for part in parts)
    shortest = min(part.shortest for part in parts)
    trunk = min(depth, shortest - 1)
    shared = parts[0].ends[trunk]
    once = total - (len(members) - 1) * shared
    if once < computed and most - shared <= longest:
        computed, groups = once, [Group(tuple(sorted(members)), trunk)]
    ends = (parts[0].prompts[0], parts[-1].prompts[1])
    return _Part(members, ends, parts[0].ends, most, total, shortest, computed, groups)
