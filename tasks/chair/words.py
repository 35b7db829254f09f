"""What a caption names: its words in the singular, and COCO's classes among them."""

from __future__ import annotations

from collections.abc import Sequence

from .objects import CLASS_OF, MERGED
from .singular import singular
from .tokens import tokens


def words(caption: str) -> list[str]:
    """The caption's words, two merged into one where they are one thing."""
    single = [singular(token) for token in tokens(caption.lower())]
    merged, place = [], 0
    while place < len(single):
        pair = " ".join(single[place : place + 2])
        merged.append(MERGED.get(pair, single[place]))
        place += 2 if pair in MERGED else 1
    return merged


def classes(found: Sequence[str]) -> list[tuple[str, str]]:
    """The words that name a class, each with it; a toilet's seat is no chair."""
    seat_of_toilet = "toilet" in found and "seat" in found
    return [
        (word, CLASS_OF[word])
        for word in found
        if word in CLASS_OF and not (seat_of_toilet and word == "seat")
    ]
