"""Questions a second over POPE-like loads: ours beside Hugging Face and the original's loop.

    python -m bench.generate          # minutes; --quick tries the script out and proves nothing

Same weights, same threads, sides in turns, medians; tokens of all sides are compared. Hugging Face
and the original are given the first few questions of a load: to them each question, or batch, is
like the next. Ours and the naive loop are given whole images.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bench.agreement import flips
from bench.floor import Phase, phases, speeds
from bench.loads import Load, made_up
from bench.networks import DENSE, EXPERTS, dense, experts
from bench.peers import Answers, Side, hugging_face, naive, original, ours
from bench.tables import table
from bench.timing import Turns, machine, take_turns
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.network import Network

# As few images as are honest: with more, ours is no faster by the question, and the other sides
# know no more than a batch or an image anyway.
LOADS = tuple(
    Load(images, questions, new_tokens)
    for new_tokens in (8, 64)
    for images, questions in ((8, 6), (4, 18), (3, 32))
)
QUICK = (Load(2, 6, 8),)
OURS, HF_1, HF_8, NAIVE = "ours", "HF batch 1", "HF batch 8", "naive loop"
ORIGINAL = "the original's loop"
# ratio of ours to a side that is aimed at, by questions an image, at 8 new tokens; of the floor
TARGETS = {HF_8: {6: 4.5, 18: 10.0}, ORIGINAL: {6: 8.0, 18: 15.0}}
FLOOR_TARGET = 0.6


@dataclass(frozen=True, slots=True)
class Model:
    """A network and its sides for so many new tokens, each with how much it is given."""

    title: str
    network: Network
    config: NetworkConfig
    sides: Callable[[Load], Mapping[str, tuple[Side, int]]]


@dataclass(frozen=True, slots=True)
class Measured:
    """A load's outcome. rates: questions a second; compared: answers of other sides, of which
    so many parted from ours at a near-tie; different: answers of ours that differ from one
    another; floor: each phase with the seconds that it takes at least."""

    load: Load
    turns: Turns
    rates: Mapping[str, float]
    compared: int
    parted: int
    different: int
    floor: Sequence[tuple[Phase, float]]

    @property
    def share(self) -> float:
        """Of the floor: 1 where nothing is wasted."""
        return sum(seconds for _, seconds in self.floor) / self.turns.median(OURS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    print(report(parser.parse_args()))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=int, help="images of every load, instead of its own")
    parser.add_argument("--quick", action="store_true", help="one small load, one round")
    parser.add_argument("--seed", type=int, default=0)


def report(given: argparse.Namespace) -> str:
    """The whole section, in Markdown."""
    loads = QUICK if given.quick else LOADS
    if given.images:
        loads = tuple(replace(load, images=given.images) for load in loads)
    repeats = 1 if given.quick else given.repeats
    parts = [f"{machine()}. Medians of {repeats}; seed {given.seed}.\n"]
    for model in (dense_model(given.seed), experts_model(given.seed)):
        found = [measure(model, load, repeats, given.seed) for load in loads]
        parts += [f"### {model.title}\n", rates_table(found), floor_table(found)]
    return "\n".join(parts)


def dense_model(seed: int) -> Model:
    network, theirs = dense(seed)

    def sides(load: Load) -> Mapping[str, tuple[Side, int]]:
        new, short = load.new_tokens, load.new_tokens <= 8
        found = {
            OURS: (ours(network, new), load.images * load.questions),
            HF_1: (hugging_face(theirs, 1, new), 8 if short else 2),
            HF_8: (hugging_face(theirs, 8, new), 8),
        }
        # of long answers its time is that of batch 1 but for the image: not worth the minutes
        return found | ({NAIVE: (naive(theirs, new), 2 * load.questions)} if short else {})

    millions = sum(p.numel() for p in theirs.parameters()) / 1e6
    return Model(f"Dense LLaVA, {millions:.1f} M parameters, fp32", network, DENSE, sides)


def experts_model(seed: int) -> Model:
    pair = experts(seed)

    def sides(load: Load) -> Mapping[str, tuple[Side, int]]:
        new = load.new_tokens
        return {
            OURS: (ours(pair.network, new), load.images * load.questions),
            ORIGINAL: (original(pair, new), 8 if new <= 8 else 2),
        }

    millions = sum(p.numel() for p in pair.whole.parameters()) / 1e6
    title = f"4 experts, top-2, every other layer: {millions:.1f} M parameters, fp32"
    return Model(title, pair.network, EXPERTS, sides)


def measure(model: Model, load: Load, repeats: int, seed: int) -> Measured:
    """Every side warmed up, compared with ours, and timed. RuntimeError for other tokens."""
    assert model.config.vision is not None
    size, words = model.config.vision.image_size, model.config.decoder.vocab_size
    questions = made_up(load, size, words, seed)
    sides = model.sides(load)
    given = {name: questions[:count] for name, (_, count) in sides.items()}
    answers: dict[str, Answers] = {}

    def run(name: str) -> None:
        answers[name] = sides[name][0](given[name])

    for name in sides:
        run(name)
    work = phases(model.config, questions, load.new_tokens)
    products = [product for phase in work for product in phase.products]
    before = speeds(products)
    turns = take_turns({name: partial(run, name) for name in sides}, repeats)
    after = speeds(products)
    mean = {product: (before[product] + after[product]) / 2 for product in before}
    others = [answers[name] for name in sides if name != OURS]
    return Measured(
        load,
        turns,
        {name: len(given[name]) / turns.median(name) for name in sides},
        sum(map(len, others)),
        sum(flips(model.network, questions, answers[OURS], theirs) for theirs in others),
        len(set(answers[OURS].values())),
        [(phase, phase.seconds(mean)) for phase in work],
    )


def rates_table(found: Sequence[Measured]) -> str:
    """Questions a second of every side, and how many times as fast ours is."""
    others = [name for name in found[0].rates if name != OURS]
    header = ["questions a second", OURS, *others, *(f"ours / {name}" for name in others)]
    header += ["parted", "different answers", "slowest / fastest of ours", "machine meanwhile"]
    rows = []
    for one in found:
        given = f"{one.load.name}, {one.load.images} images"
        rates = [f"{one.rates[n]:.2f}" if n in one.rates else "–" for n in (OURS, *others)]
        ratios = [ratio(one, name) for name in others]
        spread = f"{one.turns.spread(OURS):.2f}"
        compared = f"{one.parted} of {one.compared}"
        rest = [compared, str(one.different), spread, one.turns.machine]
        rows.append([given, *rates, *ratios, *rest])
    return table(header, rows)


def ratio(one: Measured, name: str) -> str:
    """How many times as fast ours is, and the target where there is one; – if not measured."""
    if name not in one.rates:
        return "–"
    found = one.rates[OURS] / one.rates[name]
    target = TARGETS.get(name, {}).get(one.load.questions) if one.load.new_tokens == 8 else None
    return f"{found:.1f}" + (f" (target {target:g})" if target else "")


def floor_table(found: Sequence[Measured]) -> str:
    """Seconds that each phase takes at least, and the whole's share of what ours took."""
    names = [phase.name for phase, _ in found[0].floor]
    header = ["seconds at least (operations at their rate)", *names]
    header += ["sum", "ours took", f"share of the floor (target {FLOOR_TARGET:.0%})"]
    rows = []
    for one in found:
        cells = [floor_cell(phase, seconds) for phase, seconds in one.floor]
        total = sum(seconds for _, seconds in one.floor)
        took = f"{one.turns.median(OURS):.2f}"
        rows.append([one.load.name, *cells, f"{total:.2f}", took, f"{one.share:.0%}"])
    return table(header, rows)


def floor_cell(phase: Phase, seconds: float) -> str:
    done = phase.operations / 1e9
    return f"{seconds:.2f} ({done:.1f} G at {done / seconds:.0f} G/s)"


if __name__ == "__main__":
    main()
