"""How long a load must take at least: the operations that no order of work can avoid, over the
speed of this machine's matrix products at the very shapes.

Counted: every distinct prefix of the load once, images as their own; of the tower the layers that
are used; in the decoder's last layer keys and values alone, but for each prompt's last token; every
new token but the last of an answer; attention's products, of its causal half. Not counted: norms,
activations, softmax, looking up, copying. A multiplication and an addition are two operations.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from lvlm_eval.models.moe_llava.config import DecoderConfig, MoEConfig, NetworkConfig
from lvlm_eval.models.moe_llava.engine.sequence import Question
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN

_ROWS = 2048  # a product of more rows is measured with so many: on a CPU it is no faster
_SECONDS = 0.02  # a shape is measured for at least so long


@dataclass(frozen=True, slots=True)
class Product:
    """A linear layer applied to so many rows."""

    rows: int
    inputs: int
    outputs: int

    @property
    def operations(self) -> float:
        return 2.0 * self.rows * self.inputs * self.outputs


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the work: its products, each with how often it occurs, and attention's."""

    name: str
    products: Mapping[Product, int]
    attention: float

    @property
    def operations(self) -> float:
        return self.attention + sum(p.operations * n for p, n in self.products.items())

    def seconds(self, speeds: Mapping[Product, float]) -> float:
        """At operations a second by product; attention at the mean speed of the phase's."""
        products = sum(p.operations / speeds[p] * n for p, n in self.products.items())
        linear = self.operations - self.attention
        return products * self.operations / linear if linear else 0.0


@dataclass(frozen=True, slots=True)
class Positions:
    """Of a load: positions that several prompts share and that one has for itself, the pairs of
    position and key in each, and the lengths of all prompts."""

    shared: int
    own: int
    shared_pairs: int
    own_pairs: int
    lengths: tuple[int, ...]


def phases(config: NetworkConfig, questions: Sequence[Question], new_tokens: int) -> list[Phase]:
    """The work that a load needs, by phase. Every prompt's tokens count, none twice."""
    vision, projector = config.vision, config.projector
    assert vision is not None and projector is not None
    images = len({picture.key for question in questions for picture in question.pictures})
    rows, width = images * vision.positions, vision.width
    layer = Counter({Product(rows, width, width): 4})
    layer += Counter(
        [Product(rows, width, vision.mlp_width), Product(rows, vision.mlp_width, width)]
    )
    tower = Counter({product: n * vision.used_layers for product, n in layer.items()})
    tower[Product(rows, 3 * vision.patch_size**2, width)] += 1
    tower[Product(images * vision.features, width, projector.out_width)] += 1
    for _ in range(projector.depth - 1):
        tower[Product(images * vision.features, projector.out_width, projector.out_width)] += 1
    seen = vision.used_layers * 4.0 * width * images * vision.positions**2
    at = count(questions, projector.features(vision.features))
    return [Phase("tower", tower, seen), *_decoder(config.decoder, config.moe, at, new_tokens)]


def count(questions: Sequence[Question], features: int) -> Positions:
    """Positions of the load's prompts, each distinct prefix once."""
    passing: Counter[tuple[int | str, ...]] = Counter()
    for question in questions:
        symbols = _symbols(question)
        passing.update(symbols[: n + 1] for n in range(len(symbols)))
    totals = {True: [0, 0], False: [0, 0]}
    for prefix, prompts in passing.items():
        last = features if isinstance(prefix[-1], str) else 1
        before = _length(prefix[:-1], features)
        totals[prompts > 1][0] += last
        totals[prompts > 1][1] += last * before + last * (last + 1) // 2
    lengths = tuple(_length(_symbols(question), features) for question in questions)
    (shared, shared_pairs), (own, own_pairs) = totals[True], totals[False]
    return Positions(shared, own, shared_pairs, own_pairs, lengths)


def speeds(
    products: Iterable[Product],
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    most: int = _ROWS,
) -> dict[Product, float]:
    """Operations a second of F.linear for each product, the median of some calls.

    most: rows that are measured; the speed with more is taken to be the same.
    """
    return {p: _speed(p, device, dtype, min(p.rows, most)) for p in set(products)}


def _speed(product: Product, device: str, dtype: torch.dtype, rows: int) -> float:
    x = torch.randn(rows, product.inputs, device=device, dtype=dtype)
    weight = torch.randn(product.outputs, product.inputs, device=device, dtype=dtype)
    F.linear(x, weight)
    settle(device)
    taken: list[float] = []
    while len(taken) < 3 or sum(taken) < _SECONDS:
        start = time.perf_counter()
        F.linear(x, weight)
        settle(device)
        taken.append(time.perf_counter() - start)
    return product.operations * rows / product.rows / statistics.median(taken)


def settle(device: str) -> None:
    """Waits until a GPU has done all that it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _decoder(
    config: DecoderConfig, moe: MoEConfig | None, at: Positions, new_tokens: int
) -> list[Phase]:
    asked, layers, steps = len(at.lengths), config.layers, new_tokens - 1
    every, last = range(layers), layers - 1
    before = [n for n in every if n != last]
    # what one pair of query and key costs in one layer, scores and mixing
    pair = 4.0 * config.width
    shared = _layers(config, moe, before, at.shared) + _keys(config, at.shared)
    own = _layers(config, moe, before, at.own) + _keys(config, at.own)
    own += _layers(config, moe, [last], asked) - _keys(config, asked)  # keys are counted above
    own[Product(asked, config.width, config.vocab_size)] += 1
    new = _layers(config, moe, every, asked)
    new[Product(asked, config.width, config.vocab_size)] += 1
    new_pairs = sum(length + n for length in at.lengths for n in range(1, steps + 1))
    steps_products = Counter({product: n * steps for product, n in new.items()})
    own_pairs = (layers - 1) * at.own_pairs + sum(at.lengths)
    return [
        Phase("shared prefixes", shared, pair * (layers - 1) * at.shared_pairs),
        Phase("questions", own, pair * own_pairs),
        Phase("new tokens", steps_products, pair * layers * new_pairs),
    ]


def _layers(
    config: DecoderConfig, moe: MoEConfig | None, layers: Iterable[int], rows: int
) -> Counter[Product]:
    """Whole layers applied to so many rows; experts get even shares."""
    found: Counter[Product] = Counter()
    if not rows:
        return found
    for layer in layers:
        found += _keys(config, rows)
        found[Product(rows, config.width, config.width)] += 2  # query and output
        experts = moe.experts_of(layer) if moe is not None else 0
        shares = Counter([rows])
        if moe is not None and experts:
            found[Product(rows, config.width, experts)] += 1
            share, over = divmod(rows * moe.top_k, experts)
            shares = +Counter({share: (experts - over) * (share > 0), share + 1: over})
        for share, times in shares.items():
            found[Product(share, config.width, config.mlp_width)] += times * (1 + config.gated)
            found[Product(share, config.mlp_width, config.width)] += times
    return found


def _keys(config: DecoderConfig, rows: int) -> Counter[Product]:
    width = config.kv_heads * config.head_width
    return Counter({Product(rows, config.width, width): 2} if rows else {})


def _symbols(question: Question) -> tuple[int | str, ...]:
    """A prompt's ids, an image's key in its place."""
    keys = iter(picture.key for picture in question.pictures)
    return tuple(next(keys) if token == IMAGE_TOKEN else token for token in question.token_ids)


def _length(symbols: Sequence[int | str], features: int) -> int:
    return sum(features if isinstance(symbol, str) else 1 for symbol in symbols)
