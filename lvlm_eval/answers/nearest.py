"""The option that an answer comes closest to, letter by letter."""

from __future__ import annotations

from collections.abc import Sequence


def edit_distance(one: str, other: str) -> int:
    """How many characters must be put in, left out or replaced (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for deleted, letter in enumerate(one, start=1):
        corner, row[0] = row[0], deleted
        for place, opposite in enumerate(other, start=1):
            changed = corner + (letter != opposite)
            corner, row[place] = row[place], min(changed, row[place] + 1, row[place - 1] + 1)
    return row[-1]


def nearest(text: str, options: Sequence[str]) -> str:
    """The option with the smallest edit distance, the first of equal ones."""
    return min(options, key=lambda option: edit_distance(text, option))
