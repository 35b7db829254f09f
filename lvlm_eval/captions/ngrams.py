"""BLEU and CIDEr-D of tokenised captions, to the figures of pycocoevalcap.

Papineni et al. 2002; Vedantam et al. 2015, arXiv 1411.5726. Both compare runs of one to four words
(n-grams), counted here for all captions at once: N images, R references, G distinct n-grams.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats: TypeAlias = NDArray[np.float64]
    Integers: TypeAlias = NDArray[np.int64]

ORDERS = (1, 2, 3, 4)
SIGMA = 6.0  # CIDEr-D's tolerance for a difference in length, in words
_TINY, _SMALL = 1e-15, 1e-9  # what keeps the script's quotients from 0 / 0


@dataclass(frozen=True, slots=True)
class Order:
    """The n-grams of one length.

    own: counts in the captions, (N, G). of: counts in the references by their place among an
    image's, each (N, G); an image with fewer references has empty rows. most: the largest of these.
    """

    own: csr_array
    of: tuple[csr_array, ...]
    most: csr_array


@dataclass(frozen=True, slots=True)
class Counts:
    """All orders, with the words of each caption, (N,), and of its references, (N, places).

    A reference that is not there has -1 words.
    """

    orders: tuple[Order, ...]
    words: Integers
    reference_words: Integers


def count(captions: Sequence[str], references: Sequence[Sequence[str]]) -> Counts:
    """What BLEU and CIDEr-D need of tokenised captions; every image has a reference or more."""
    import numpy as np

    texts = [*captions, *(text for several in references for text in several), ""]
    lengths = np.array([len(text.split()) for text in texts])
    first = len(captions) + np.cumsum([0, *map(len, references)])
    places = range(max(map(len, references)))
    absent = len(texts) - 1  # the empty text: the row of a reference that is not there
    rows = [
        np.where(first[:-1] + place < first[1:], first[:-1] + place, absent) for place in places
    ]
    orders = []
    for matrix in _matrices(texts, lengths):
        of = tuple(matrix[row] for row in rows)
        most = of[0]
        for other in of[1:]:
            most = most.maximum(other)
        orders.append(Order(matrix[: len(captions)], of, most))
    reference_words = np.stack([np.where(row == absent, -1, lengths[row]) for row in rows], axis=1)
    return Counts(tuple(orders), lengths[: len(captions)], reference_words)


def _matrices(texts: Sequence[str], lengths: Integers) -> list[csr_array]:
    """Counts of the n-grams of each order in each text, (texts, G).

    An n-gram is numbered by the one before its last word and that word.
    """
    import numpy as np
    from scipy.sparse import csr_array

    vocabulary: dict[str, int] = {}
    words = np.array(
        [vocabulary.setdefault(w, len(vocabulary)) for text in texts for w in text.split()],
        dtype=np.int64,
    )
    owner = np.repeat(np.arange(len(texts)), lengths)
    grams, starts, matrices = words, np.arange(len(words)), []
    for order in ORDERS:
        if order > 1:
            ends = starts + order - 1
            inside = ends < len(words)
            inside[inside] = owner[starts[inside]] == owner[ends[inside]]
            grams, starts = grams[inside], starts[inside]
            pairs = grams * len(vocabulary) + words[starts + order - 1]
            grams = np.unique(pairs, return_inverse=True)[1]
        shape = (len(texts), int(grams.max(initial=-1)) + 1)
        ones = np.ones(len(grams))
        matrices.append(csr_array((ones, (owner[starts], grams)), shape=shape))
    return matrices


def bleu_counts(counts: Counts) -> dict[str, Floats]:
    """What BLEU sums over captions, by name, each (N,).

    A match counts at most as often as in the reference that has it most; the reference length is
    the one closest to the caption's, the shorter of two.
    """
    import numpy as np

    gap = np.abs(counts.reference_words - counts.words[:, None]).astype(float)
    gap += counts.reference_words / 1e6  # the shorter of two equally close ones
    gap[counts.reference_words < 0] = np.inf
    closest = np.take_along_axis(counts.reference_words, gap.argmin(axis=1)[:, None], axis=1)
    sums = {"test_length": counts.words * 1.0, "reference_length": closest[:, 0] * 1.0}
    for n, order in zip(ORDERS, counts.orders, strict=True):
        sums[f"matches_{n}"] = _row_sums(order.own.minimum(order.most))
        sums[f"ngrams_{n}"] = np.maximum(0, counts.words - n + 1) * 1.0
    return {name: np.asarray(row, dtype=np.float64) for name, row in sums.items()}


def bleu(sums: Mapping[str, float]) -> dict[str, float]:
    """`Bleu_1` to `Bleu_4` of summed counts, 0 to 1."""
    ratio = (sums["test_length"] + _TINY) / (sums["reference_length"] + _SMALL)
    brevity = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product, figures = 1.0, {}
    for n in ORDERS:
        product *= (sums[f"matches_{n}"] + _TINY) / (sums[f"ngrams_{n}"] + _SMALL)
        figures[f"Bleu_{n}"] = product ** (1 / n) * brevity
    return figures


def cider(counts: Counts) -> Floats:
    """CIDEr-D of each caption, (N,), 0 to 10: mean tf-idf cosines, clipped and damped by length.

    How rare an n-gram is, is asked of the images counted: in how many their references have it.
    """
    import numpy as np

    images = len(counts.words)
    bigrams = np.maximum(0, counts.words - 1)
    damping = [
        np.exp(-((bigrams - np.maximum(0, words - 1)) ** 2) / (2 * SIGMA**2))
        for words in counts.reference_words.T
    ]
    total = np.zeros(images)
    for order in counts.orders:
        having = np.bincount(order.most.indices, minlength=order.most.shape[1])
        rarity = math.log(images) - np.log(np.maximum(1, having))
        own = _weighted(order.own, rarity)
        for reference, damped in zip(order.of, damping, strict=True):
            other = _weighted(reference, rarity)
            common = _row_sums(own.minimum(other).multiply(other))
            norms = np.sqrt(_row_sums(own.multiply(own)) * _row_sums(other.multiply(other)))
            total += damped * common / np.where(norms > 0, norms, 1.0)
    references = (counts.reference_words >= 0).sum(axis=1)
    return np.asarray(10 * total / len(ORDERS) / references, dtype=np.float64)


def _weighted(matrix: csr_array, weights: Floats) -> csr_array:
    """Each column times its weight."""
    weighted = matrix.copy()
    weighted.data = matrix.data * weights[matrix.indices]
    return weighted


def _row_sums(matrix: csr_array) -> Floats:
    import numpy as np

    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
