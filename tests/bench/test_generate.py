"""What a measurement reports, of models so small that it takes no time. No timing is judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.floor import Phase, Product
from bench.generate import (
    HF_8,
    NAIVE,
    ORIGINAL,
    OURS,
    Measured,
    Model,
    floor_table,
    measure,
    rates_table,
)
from bench.loads import Load
from bench.networks import DENSE, dense
from bench.peers import hugging_face, ours
from bench.timing import Turns

TURNS = Turns({OURS: [2.0, 1.0, 4.0], HF_8: [3.0, 5.0, 4.0]}, (0.5, 1.5), 0.25)


def test_a_load_is_measured_and_compared() -> None:
    assert DENSE.vision is not None
    decoder = replace(DENSE.decoder, vocab_size=100)
    config = replace(DENSE, vision=replace(DENSE.vision, image_size=28), decoder=decoder)
    network, theirs = dense(0, config)
    sides = {OURS: (ours(network, 3), 4), HF_8: (hugging_face(theirs, 2, 3), 2)}
    one = measure(Model("tiny", network, config, lambda load: sides), Load(2, 2, 3), 2, seed=0)
    assert (one.compared, one.parted) == (2, 0)
    assert {len(seconds) for seconds in one.turns.seconds.values()} == {2}
    assert [phase.name for phase, _ in one.floor] == [
        "tower", "shared prefixes", "questions", "new tokens",
    ]  # fmt: skip
    assert all(seconds > 0 for _, seconds in one.floor)
    assert "2 questions an image, 3 new tokens, 2 images" in rates_table([one])


def test_rates_come_from_medians_and_targets_stand_beside_them() -> None:
    long = measured(Load(1, 6, 64), {OURS: 8.0, HF_8: 2.0, ORIGINAL: 0.5})
    short = measured(Load(1, 6, 8), {OURS: 9.0, HF_8: 2.0, ORIGINAL: 0.5, NAIVE: 3.0})
    _, _, first, second = rates_table([short, long]).strip().split("\n")
    cells = [cell.strip() for cell in first.split("|")]
    assert cells[2:9] == [
        "9.00",
        "2.00",
        "0.50",
        "3.00",
        "4.5 (target 4.5)",
        "18.0 (target 8)",
        "3.0",
    ]
    assert "load 0.5 before, 1.5 after; 25% CPU to others" in first
    assert second.count("–") == 2  # the naive loop's rate, and the ratio to it
    assert "target" not in second


def test_the_share_of_the_floor_is_the_least_time_over_the_median() -> None:
    one = measured(Load(1, 6, 8), {OURS: 1.0})
    assert one.share == pytest.approx(1.5 / 2.0)
    assert "| 1.50 (0.6 G at 0 G/s) | 1.50 | 2.00 | 75% |" in floor_table([one])


def measured(load: Load, rates: dict[str, float]) -> Measured:
    work = Phase("tower", {Product(1000, 1000, 300): 1}, 0.0)
    return Measured(load, TURNS, rates, 8, 1, 5, [(work, 1.5)])
