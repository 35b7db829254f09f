"""A question's prompt as symbols that can be compared, and symbols as vectors.

N positions, P of a picture, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from lvlm_eval.batching import Symbols

from ..network import Network
from ..splice import IMAGE_TOKEN
from .sequence import Question

_PLAIN, _SCALED = -1, -2  # marks, of no position, that open a prompt


@dataclass(frozen=True, slots=True)
class Encoded:
    """A question as symbols. ends: positions before each symbol, and of all of them.

    scaled: whether the language model's factor applies to its vectors (`Decoder.embed`).
    arrival: how many questions came before it.
    """

    question: Question
    symbols: Symbols
    ends: tuple[int, ...]
    scaled: bool
    arrival: int

    @property
    def length(self) -> int:
        """How many positions the prompt takes."""
        return self.ends[-1]


class Alphabet:
    """Gives pictures symbols of their own: numbers below 0, as token ids never are.

    A mark of no position opens each prompt, so that two prompts have nothing in common whose
    beginnings would be computed differently: MiniCPM scales the vectors of prompts without
    picture alone, and beyond the trained length a rotary base may depend on the whole prompt.
    """

    def __init__(self, network: Network, max_length: int | None) -> None:
        config = network.decoder.config
        self._of_picture, self._max_length = network.image_positions, max_length
        self._factor = config.embedding_scale != 1
        grows = config.long.scaling in ("dynamic", "doubling")
        self._trained = config.long.trained if grows else None
        self._symbols: dict[tuple[str, int], int] = {}  # a picture's key and positions
        self._pictures: dict[int, tuple[str, int]] = {}  # the inverse
        self._given, self._seen = 2, 0

    def encode(self, question: Question) -> Encoded:
        """The question as symbols, cut from the right where it is too long."""
        wanted = question.token_ids.count(IMAGE_TOKEN)
        if wanted != len(question.pictures):
            raise ValueError(f"{wanted} image tokens but {len(question.pictures)} images")
        keys = (picture.key for picture in question.pictures)
        symbols: list[int] = []
        ends, limit = [0], self._max_length
        for token in question.token_ids:
            if limit is not None and ends[-1] >= limit:
                break
            if token == IMAGE_TOKEN:
                room = self._of_picture if limit is None else limit - ends[-1]
                token = self._symbol(next(keys), min(room, self._of_picture))
            symbols.append(token)
            ends.append(ends[-1] + self.size(token))
        scaled = self._factor and not question.pictures
        opened = (self._mark(scaled, ends[-1]), *symbols)
        self._seen += 1
        return Encoded(question, opened, (0, *ends), scaled, self._seen - 1)

    def size(self, symbol: int) -> int:
        """How many positions the symbol takes."""
        return 1 if symbol >= 0 else self._pictures.get(symbol, ("", 0))[1]

    def pictures(self, symbols: Symbols) -> list[tuple[str, int]]:
        """The key of each picture among the symbols and how many of its vectors are meant."""
        return [self._pictures[symbol] for symbol in symbols if symbol in self._pictures]

    def _mark(self, scaled: bool, length: int) -> int:
        if self._trained is not None and length > self._trained:
            return self._new()
        return _SCALED if scaled else _PLAIN

    def _symbol(self, key: str, size: int) -> int:
        if (key, size) not in self._symbols:
            symbol = self._new()
            self._symbols[key, size], self._pictures[symbol] = symbol, (key, size)
        return self._symbols[key, size]

    def _new(self) -> int:
        self._given += 1
        return -self._given


def embed(
    network: Network,
    alphabet: Alphabet,
    pieces: Sequence[tuple[Symbols, bool]],
    features: Mapping[str, Tensor],
) -> Tensor:
    """Vectors (N, D) of pieces of prompts, one after the other, each scaled or not.

    features: vectors (P, D) of pictures by their keys.
    """
    ids: list[int] = []
    shown: list[tuple[int, Tensor]] = []  # where a picture begins, and its vectors
    for symbols, _ in pieces:
        for symbol in symbols:
            if symbol >= 0:
                ids.append(symbol)
            for key, size in alphabet.pictures((symbol,)):
                shown.append((len(ids), features[key][:size]))
                ids += [0] * size
    device = network.device
    vectors: Tensor = network.decoder.embedding(torch.tensor(ids, dtype=torch.int64, device=device))
    if any(scaled for _, scaled in pieces):
        sizes = [sum(map(alphabet.size, symbols)) for symbols, _ in pieces]
        starts = accumulate(sizes, initial=0)
        for start, size, (_, scaled) in zip(starts, sizes, pieces, strict=False):
            if scaled:
                vectors[start : start + size] *= network.decoder.config.embedding_scale
    for start, picture in shown:
        vectors[start : start + len(picture)] = picture
    return vectors
