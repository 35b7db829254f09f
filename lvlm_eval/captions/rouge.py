"""ROUGE-L of tokenised captions, to the figures of pycocoevalcap (Lin 2004)."""

from __future__ import annotations

from collections.abc import Sequence

BETA = 1.2  # how much more recall weighs than precision


def rouge_l(caption: str, references: Sequence[str]) -> float:
    """The F-measure of the best precision and the best recall, taken over references apart.

    An empty caption is one empty word, as the script splits it.
    """
    words = caption.split(" ")
    common = [(common_words(words, r.split(" ")), len(r.split(" "))) for r in references]
    precision = max(length for length, _ in common) / len(words)
    recall = max(length / of for length, of in common)
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def common_words(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Bit by bit (Hyyro 2004): a zero in `row` marks a word of `one` at which the length grows.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    row = everything = (1 << len(one)) - 1
    for word in other:
        matching = row & places.get(word, 0)
        row = (row + matching | row - matching) & everything
    return len(one) - row.bit_count()
