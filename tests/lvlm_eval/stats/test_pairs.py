"""Paired differences: against exact tests, Student's, hand-computed adjustments, extremes."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from lvlm_eval.errors import NotComparable
from lvlm_eval.schema import Estimate, Tally
from lvlm_eval.stats import holm, mcnemar, paired_difference, paired_differences


def accuracy(sums: Tally) -> dict[str, float]:
    asked = sums.get("asked", 0)
    return {"accuracy": sums.get("right", 0) / asked if asked else math.nan}


LOPSIDED: list[Tally] = [
    {"right": 1, "asked": 1},
    {"right": 0, "asked": 7},
    {"right": 3, "asked": 4},
    {"right": 2, "asked": 11},
    {"right": 5, "asked": 5},
]


def marks(rng: random.Random, share: float, count: int) -> list[Tally]:
    return [{"right": float(rng.random() < share), "asked": 1.0} for _ in range(count)]


def test_a_run_does_not_differ_from_itself() -> None:
    same = paired_differences(LOPSIDED, LOPSIDED, accuracy)["accuracy"]
    assert same.estimate == Estimate(0, 0, 0)
    assert (same.p, same.differing, same.detectable) == (1.0, 0, None)


def test_a_difference_is_first_minus_second() -> None:
    worse: list[Tally] = [{**tally, "right": 0} for tally in LOPSIDED]
    assert paired_difference(LOPSIDED, worse, accuracy)["accuracy"].value == 11 / 28
    assert paired_difference(worse, LOPSIDED, accuracy)["accuracy"].value == -11 / 28


def test_interval_and_p_are_those_of_students_test_where_clusters_are_alike() -> None:
    rng = random.Random(3)
    one, other = marks(rng, 0.8, 60), marks(rng, 0.6, 60)
    gaps = [a["right"] - b["right"] for a, b in zip(one, other, strict=True)]
    expected = ttest_1samp(gaps, 0)
    found = paired_differences(one, other, accuracy, replicates=20_000)["accuracy"]
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, rel=0.15)
    assert found.estimate.low == pytest.approx(interval.low, abs=0.004)
    assert found.estimate.high == pytest.approx(interval.high, abs=0.004)


def test_a_stricter_alpha_widens_the_interval_and_the_detectable_difference() -> None:
    rng = random.Random(4)
    one, other = marks(rng, 0.8, 60), marks(rng, 0.6, 60)
    usual, strict = (
        paired_differences(one, other, accuracy, alpha=alpha)["accuracy"] for alpha in (0.05, 0.001)
    )
    assert usual.p == strict.p
    assert usual.estimate.low is not None and strict.estimate.low is not None
    assert strict.estimate.low < usual.estimate.low
    assert usual.detectable is not None and strict.detectable is not None
    assert strict.detectable > usual.detectable


def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    """A normal shift of just that size, by the usual formula: (1.96 + 0.84) standard errors."""
    rng = random.Random(5)
    one, other = marks(rng, 0.5, 2000), marks(rng, 0.5, 2000)
    found = paired_differences(one, other, accuracy)["accuracy"]
    assert found.error is not None and found.detectable is not None
    assert found.detectable / found.error == pytest.approx(1.96 + 0.84, abs=0.01)


def test_few_differing_clusters_are_never_surer_than_as_many_coins() -> None:
    lost: list[Tally] = [{"right": float(i >= 4), "asked": 1} for i in range(1000)]
    whole: list[Tally] = [{"right": 1.0, "asked": 1}] * 1000
    assert paired_differences(lost, whole, accuracy)["accuracy"].p == 2 / 2**4


def test_clusters_that_all_lose_alike_are_as_sure_as_their_number_allows() -> None:
    lost: list[Tally] = [{"right": 0, "asked": 1}] * 3
    whole: list[Tally] = [{"right": 1, "asked": 1}] * 3
    assert paired_differences(lost, whole, accuracy)["accuracy"].p == 0.25


def test_one_cluster_gives_a_difference_and_no_test() -> None:
    found = paired_differences(LOPSIDED[:1], [{"asked": 1}], accuracy)["accuracy"]
    assert found.estimate == Estimate(1.0, None, None)
    assert (found.p, found.detectable) == (None, None)


def test_pairing_takes_out_what_both_runs_find_hard() -> None:
    rng = random.Random(2)
    hard = [rng.choice([1, 9]) for _ in range(80)]
    one: list[Tally] = [{"right": right, "asked": 10} for right in hard]
    other: list[Tally] = [{"right": right - rng.randint(0, 1), "asked": 10} for right in hard]
    estimate = paired_difference(one, other, accuracy)["accuracy"]
    assert estimate.low is not None and estimate.high is not None
    assert 0 < estimate.low < estimate.high
    alone = float(np.std(hard)) / 10 / math.sqrt(80) * 2 * 1.96
    assert estimate.high - estimate.low < alone / 4


def test_the_order_of_pairs_does_not_matter_but_the_pairing_does() -> None:
    other = [*LOPSIDED[1:], LOPSIDED[0]]
    backwards = paired_difference(LOPSIDED[::-1], other[::-1], accuracy)
    assert paired_difference(LOPSIDED, other, accuracy) == backwards
    assert paired_difference(LOPSIDED, LOPSIDED, accuracy) != backwards


def test_a_metric_of_one_side_only_has_no_difference() -> None:
    one: list[Tally] = [{"a": 1, "b": 2}, {"a": 3, "b": 1}]
    other: list[Tally] = [{"a": 2}, {"a": 2}]
    assert set(paired_difference(one, other, dict)) == {"a"}


def test_runs_of_different_clusters_are_refused() -> None:
    with pytest.raises(NotComparable, match="5 clusters on one side, 4 on the other"):
        paired_difference(LOPSIDED, LOPSIDED[:4], accuracy)


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(0, 0, 1.0), (3, 3, 1.0), (0, 5, 2 / 32), (1, 9, 22 / 1024), (9, 1, 22 / 1024)],
)
def test_mcnemar_is_the_tossing_of_coins(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p)


def test_holm_multiplies_by_the_number_that_is_left_and_never_turns_back() -> None:
    found = holm({"a": 0.04, "b": 0.01, "c": 0.03, "d": 0.7})
    assert found == pytest.approx({"b": 0.04, "c": 0.09, "a": 0.09, "d": 0.7})
    assert holm({}) == {}
