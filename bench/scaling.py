"""What a replica's ranks send and compute, by formula, and which placement to choose.

    python -m bench.scaling        prints the tables of docs/parallel.md

The counts are compared with what goes through the loopback by bench/expert_ways.py. Times are
a model: nobody measured these machines here. For each step

    max(weights read / memory bandwidth, operations / rate) + latency of each message + bytes / link

N tokens computed, B sequences, D width, V vocabulary, p ranks, b bytes of a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lvlm_eval.models.moe_llava.config import DecoderConfig, MoEConfig
from lvlm_eval.placement import Placement

BYTES = 2  # of a number in bfloat16
MEMORY = 80e9  # bytes of a GPU
READ = 3.35e12  # bytes a second of its memory, H100's data sheet
RATE = 0.5 * 989e12  # operations a second in bfloat16: half of the data sheet
GPUS = 8
BATCH, PROMPT, ANSWER = 64, 640, 32  # sequences, positions of a prompt with a picture, new tokens


@dataclass(frozen=True, slots=True)
class Link:
    """bandwidth: bytes a second that a GPU sends. latency: seconds of a small message to a
    neighbour, the kernel's start included; an assumption."""

    name: str
    bandwidth: float
    latency: float


NVLINK = Link("NVLink", 450e9, 2e-6)
NETWORK = Link("200 Gb/s network", 25e9, 6e-6)


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder with its experts, and the bytes of what stands beside it on every rank."""

    name: str
    decoder: DecoderConfig
    moe: MoEConfig
    tower: float = 0.31e9 * BYTES  # CLIP ViT-L/14 at 336 and a projector


def _shape(name: str, decoder: DecoderConfig) -> Shape:
    layers = tuple(range(0, decoder.layers, 2))  # "sparse": every other one
    return Shape(name, decoder, MoEConfig(layers, (4,) * len(layers)))


_STABLELM = DecoderConfig(
    vocab_size=100_352, width=2048, mlp_width=5632, layers=24, heads=32, kv_heads=32,
    rotary_width=16, parallel=False, gated=True, mlp_bias=False, out_bias=False,
)  # fmt: skip
_QWEN = replace(_STABLELM, vocab_size=151_936, mlp_width=5504, heads=16, kv_heads=16)
_PHI = DecoderConfig(
    vocab_size=51_200, width=2560, mlp_width=10_240, layers=32, heads=32, kv_heads=32,
    rotary_width=32,
)  # fmt: skip
_TEN = replace(_PHI, width=7168, mlp_width=28_672, layers=41, heads=56, kv_heads=56)
SHAPES = (
    _shape("StableLM-1.6B-4e", _STABLELM),
    _shape("Qwen-1.8B-4e", _QWEN),
    _shape("Phi2-2.7B-4e", _PHI),
    _shape("ten times Phi2", _TEN),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What one rank sends, in bytes, and in how many messages to a neighbour."""

    bytes: float
    messages: int

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.bytes + other.bytes, self.messages + other.messages)


def summed(numbers: float, ranks: int, size: int = BYTES) -> Sent:
    """All-reduce as a ring does it: 2 (p - 1) messages of a p-th."""
    return Sent(2 * (ranks - 1) / ranks * numbers * size, 2 * (ranks - 1))


def gathered(numbers: float, ranks: int, size: int = BYTES) -> Sent:
    """All-gather of so many numbers in all: p - 1 messages of a p-th."""
    return Sent((ranks - 1) / ranks * numbers * size, ranks - 1)


def layer(decoder: DecoderConfig, tokens: int, ranks: int, size: int = BYTES) -> Sent:
    """One layer: a sum after attention and one after the MLP.

    The same for dense layers, for experts dealt out over any `ep`, and with a residual branch.
    """
    one = summed(tokens * decoder.width, ranks, size)
    return one + one


def all_to_all(decoder: DecoderConfig, tokens: int, top_k: int, ranks: int) -> Sent:
    """The sum after a layer's experts in the other way: ranks share out the tokens, send each to
    its experts, get the results back, and gather all tokens again."""
    there = (ranks - 1) / ranks * top_k * tokens / ranks * decoder.width * BYTES
    exchange = Sent(there, ranks - 1)
    return exchange + exchange + gathered(tokens * decoder.width, ranks)


def step(decoder: DecoderConfig, tokens: int, asked: int, ranks: int, size: int = BYTES) -> Sent:
    """A forward over the tokens, of which the last layer and the head compute `asked` alone."""
    total = gathered(tokens * decoder.width, ranks, size)
    for number in range(decoder.layers):
        last = number == decoder.layers - 1
        total += layer(decoder, asked if last else tokens, ranks, size)
    padded = -(-decoder.vocab_size // ranks) * ranks
    return total + gathered(asked * padded, ranks, size)


def attention_weights(decoder: DecoderConfig) -> int:
    """Of one layer's four projections."""
    heads = 2 * decoder.heads + 2 * decoder.kv_heads
    return decoder.width * heads * decoder.head_width


def mlp_weights(decoder: DecoderConfig) -> int:
    """Of one dense MLP, which an expert is as well."""
    return (3 if decoder.gated else 2) * decoder.width * decoder.mlp_width


def operations(shape: Shape, number: int, seen: int) -> float:
    """Of one token in one layer, which sees so many others: a multiplication and an addition a
    weight, and two of each a number of a key."""
    decoder, moe = shape.decoder, shape.moe
    served = moe.top_k if number in moe.layers else 1
    weights = attention_weights(decoder) + served * mlp_weights(decoder)
    return 2 * weights + 4 * decoder.heads * decoder.head_width * seen


def weights(shape: Shape) -> float:
    """Of the decoder in all, embedding and head included."""
    decoder, moe = shape.decoder, shape.moe
    own = decoder.layers * attention_weights(decoder) + 2 * decoder.vocab_size * decoder.width
    mlps = sum(moe.experts) + decoder.layers - len(moe.layers)
    return own + mlps * mlp_weights(decoder)


def kept(decoder: DecoderConfig, ranks: int) -> float:
    """Bytes of one position's keys and values on a rank."""
    heads = max(1, decoder.kv_heads // ranks)
    return 2 * decoder.layers * heads * decoder.head_width * BYTES


def memory(shape: Shape, ranks: int) -> float:
    """Bytes on a rank: weights, and keys and values of a batch."""
    cached = BATCH * (PROMPT + ANSWER) * kept(shape.decoder, ranks)
    return weights(shape) * BYTES / ranks + shape.tower + cached


def seconds(shape: Shape, tokens: int, asked: int, ranks: int, link: Link) -> float:
    """Of one forward: reading or computing, whichever takes longer, and then sending."""
    layers = range(shape.decoder.layers)
    work = tokens * sum(operations(shape, number, PROMPT) for number in layers) / ranks / RATE
    cached = BATCH * PROMPT * kept(shape.decoder, ranks)
    read = (weights(shape) * BYTES / ranks + cached) / READ
    sent = step(shape.decoder, tokens, asked, ranks) if ranks > 1 else Sent(0, 0)
    return max(work, read) + sent.messages * link.latency + sent.bytes / link.bandwidth


def answers(shape: Shape, ranks: int, link: Link) -> float:
    """Answers a second of all GPUs, in replicas of so many ranks."""
    prefill = seconds(shape, BATCH * PROMPT, BATCH, ranks, link)
    decode = (ANSWER - 1) * seconds(shape, BATCH, BATCH, ranks, link)
    return GPUS / ranks * BATCH / (prefill + decode)


def counts() -> Iterator[str]:
    """The table of one token in one layer."""
    yield "| shape | operations, dense | operations, experts | sent, tp=2 | tp=4 | tp=8 |"
    yield "|---|---|---|---|---|---|"
    for shape in SHAPES:
        dense, expert = (operations(shape, number, PROMPT) / 1e6 for number in (1, 0))
        sent = (layer(shape.decoder, 1, ranks).bytes / 1e3 for ranks in (2, 4, 8))
        cells = " | ".join(f"{one:.1f} kB" for one in sent)
        yield f"| {shape.name} | {dense:.0f} M | {expert:.0f} M | {cells} |"


def ways() -> Iterator[str]:
    """The table of the two ways to sum experts: bytes and messages of one rank for a token."""
    yield "| ranks | summed: bytes | messages | all-to-all: bytes | messages |"
    yield "|---|---|---|---|---|"
    decoder = _PHI
    for ranks in (2, 4, 8, 16):
        one, other = summed(decoder.width, ranks), all_to_all(decoder, 1, 2, ranks)
        yield (
            f"| {ranks} | {one.bytes:.0f} | {one.messages} | {other.bytes:.0f} | {other.messages} |"
        )


def placements() -> Iterator[str]:
    """The table of placements on so many GPUs; the fastest that fits is bold."""
    yield "| shape | replicas | GB a GPU | NVLink: token | answers/s | network: token | answers/s |"
    yield "|---|---|---|---|---|---|---|"
    for shape in SHAPES:
        fitting = [n for n in (1, 2, 4, 8) if memory(shape, n) < 0.9 * MEMORY]
        best = {link: max(fitting, key=lambda n: answers(shape, n, link)) for link in _LINKS}
        for ranks in (1, 2, 4, 8):
            cells = [_cell(shape, ranks, link, ranks == best[link]) for link in _LINKS]
            size = f"{memory(shape, ranks) / 1e9:.1f}"
            if ranks not in fitting:
                size, cells = f"{size}, too much", ["", ""] * 2
            name = Placement(GPUS // ranks, ranks)
            yield f"| {shape.name} | dp={name.dp},tp={name.tp} | {size} | {' | '.join(cells)} |"


_LINKS = (NVLINK, NETWORK)


def _cell(shape: Shape, ranks: int, link: Link, best: bool) -> str:
    step_time = seconds(shape, BATCH, BATCH, ranks, link) * 1e3
    rate = f"{answers(shape, ranks, link):.0f}"
    return f"{step_time:.1f} ms | {f'**{rate}**' if best else rate}"


def main() -> None:
    for table in (counts, ways, placements):
        print("\n".join(table()), end="\n\n")


if __name__ == "__main__":
    main()
