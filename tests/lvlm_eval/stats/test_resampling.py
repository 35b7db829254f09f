"""Intervals: against enumeration, an independent bootstrap, simulated coverage, extremes."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.errors import EvalError
from lvlm_eval.schema import Estimate, Tally
from lvlm_eval.stats import bootstrap, bootstrap_all, caveats

LOPSIDED: list[Tally] = [
    {"right": 1, "asked": 1},
    {"right": 0, "asked": 7},
    {"right": 3, "asked": 4},
    {"right": 2, "asked": 11},
    {"right": 5, "asked": 5},
]


def accuracy(sums: Tally) -> dict[str, float]:
    asked = sums.get("asked", 0)
    return {"accuracy": sums.get("right", 0) / asked if asked else math.nan}


def added(clusters: Sequence[Tally]) -> dict[str, float]:
    keys = {key for cluster in clusters for key in cluster}
    return {key: sum(cluster.get(key, 0) for cluster in clusters) for key in keys}


def bounds(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None and estimate.high is not None
    return estimate.low, estimate.high


def simulated(rng: random.Random, clusters: int, size: int) -> list[list[int]]:
    """Right or wrong in clusters that are easy (0.95) or hard (0.15): half right on average."""
    drawn = []
    for _ in range(clusters):
        ease = rng.choice([0.95, 0.15])
        drawn.append([int(rng.random() < ease) for _ in range(size)])
    return drawn


def test_the_point_is_the_plain_sum() -> None:
    assert bootstrap(LOPSIDED, accuracy)["accuracy"].value == 11 / 28


def test_the_interval_is_that_of_every_possible_resample() -> None:
    resamples = product(LOPSIDED, repeat=len(LOPSIDED))
    values = [accuracy(added(resample))["accuracy"] for resample in resamples]
    expected = np.quantile(values, [0.025, 0.975])
    found = bootstrap(LOPSIDED, accuracy, replicates=20_000)["accuracy"]
    assert bounds(found) == pytest.approx(expected, abs=0.012)


def test_the_interval_agrees_with_a_bootstrap_written_the_long_way() -> None:
    rng = random.Random(5)
    tallies: list[Tally] = [{"right": sum(c), "asked": len(c)} for c in simulated(rng, 60, 6)]
    values = sorted(
        accuracy(added(rng.choices(tallies, k=len(tallies))))["accuracy"] for _ in range(4000)
    )
    low, high = bounds(bootstrap(tallies, accuracy, replicates=4000)["accuracy"])
    assert low == pytest.approx(values[100], abs=0.01)
    assert high == pytest.approx(values[3900], abs=0.01)


def test_clusters_are_covered_at_the_nominal_level_and_single_items_are_not() -> None:
    truth, trials = 0.55, 200
    rng = random.Random(11)
    by_cluster = by_item = 0
    for trial in range(trials):
        drawn = simulated(rng, clusters=50, size=8)
        clusters: list[Tally] = [{"right": sum(c), "asked": len(c)} for c in drawn]
        items: list[Tally] = [{"right": mark, "asked": 1} for c in drawn for mark in c]
        for tallies, is_cluster in ((clusters, True), (items, False)):
            estimate = bootstrap(tallies, accuracy, seed=trial, replicates=200)["accuracy"]
            low, high = bounds(estimate)
            by_cluster += is_cluster and low <= truth <= high
            by_item += not is_cluster and low <= truth <= high
    assert 0.89 <= by_cluster / trials <= 0.99
    assert by_item / trials < 0.75


tallies_strategy = st.lists(
    st.dictionaries(st.sampled_from(["right", "asked", "x"]), st.floats(0, 9, width=32)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(tallies_strategy, st.randoms(use_true_random=False))
def test_the_order_of_clusters_does_not_matter(
    tallies: list[Tally], shuffler: random.Random
) -> None:
    shuffled = shuffler.sample(tallies, len(tallies))
    assert bootstrap(tallies, accuracy, replicates=50) == bootstrap(
        shuffled, accuracy, replicates=50
    )


@settings(max_examples=40, deadline=None)
@given(tallies_strategy)
def test_the_interval_holds_the_point_and_the_metric_bounds(tallies: list[Tally]) -> None:
    def share(sums: Tally) -> dict[str, float]:
        whole = sum(sums.values())
        return {"share": sums.get("right", 0) / whole if whole else math.nan}

    estimate = bootstrap(tallies, share, replicates=50)["share"]
    if estimate.value is not None and estimate.low is not None and estimate.high is not None:
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1 + 1e-12


def test_a_key_that_a_cluster_lacks_counts_as_zero() -> None:
    spelled_out = [{"right": 0, "asked": 3}, {"right": 2, "asked": 2}, {"right": 1, "asked": 9}]
    left_out = [{"asked": 3}, {"right": 2, "asked": 2}, {"right": 1, "asked": 9}]
    assert bootstrap(spelled_out, accuracy) == bootstrap(left_out, accuracy)


def test_a_key_that_is_always_zero_still_reaches_the_metrics() -> None:
    seen = bootstrap([{"n": 0}, {"n": 0}], lambda sums: {"n": sums["n"]}, replicates=3)
    assert seen["n"] == Estimate(0, 0, 0)


def test_the_seed_decides_and_another_seed_draws_others() -> None:
    assert bootstrap(LOPSIDED, accuracy, seed=3) == bootstrap(LOPSIDED, accuracy, seed=3)
    first, second = (
        bootstrap(LOPSIDED, accuracy, seed=seed, replicates=101)["accuracy"] for seed in (0, 1)
    )
    assert first.value == second.value
    assert bounds(first) != bounds(second)


def test_the_draws_do_not_depend_on_how_many_fit_into_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = bootstrap(LOPSIDED, accuracy, replicates=100)
    monkeypatch.setattr("lvlm_eval.stats.resampling.CHUNK_WEIGHTS", 35)
    assert bootstrap(LOPSIDED, accuracy, replicates=100) == whole


@settings(max_examples=20, deadline=None)
@given(tallies_strategy, st.randoms(use_true_random=False))
def test_sums_of_the_same_clusters_are_drawn_together_as_each_would_be_alone(
    tallies: list[Tally], shuffler: random.Random
) -> None:
    others: list[Tally] = [{"n": shuffler.randint(0, 2), "x": 0.3} for _ in tallies]
    several = {"one": (tallies, accuracy), "other": (others, lambda sums: {"n": sums["n"]})}
    found = bootstrap_all(several, replicates=50)
    alone = {name: bootstrap(*sums, replicates=50) for name, sums in several.items()}
    assert found == alone


def test_one_cluster_has_a_value_but_no_interval() -> None:
    assert bootstrap([LOPSIDED[2]], accuracy)["accuracy"] == Estimate(0.75, None, None)


def test_a_metric_that_rests_on_one_cluster_of_many_has_no_interval() -> None:
    tallies: list[Tally] = [*LOPSIDED, {"rare/right": 1, "rare/asked": 2}]

    def with_rare(sums: Tally) -> dict[str, float]:
        asked = sums.get("rare/asked", 0)
        return accuracy(sums) | {"rare": sums["rare/right"] / asked if asked else math.nan}

    found = bootstrap(tallies, with_rare)
    assert replace(found["rare"], undefined=0) == Estimate(0.5, None, None)
    assert 300 < found["rare"].undefined < 450
    assert None not in bounds(found["accuracy"])


def test_replicates_without_a_value_are_left_out() -> None:
    tallies: list[Tally] = [{"right": 1, "asked": 2}, {"right": 3, "asked": 4}, {"x": 1}, {"x": 1}]
    assert bounds(bootstrap(tallies, accuracy)["accuracy"]) == (0.5, 0.75)


def test_a_metric_without_a_value_stays_without_one() -> None:
    found = bootstrap([{"right": 0, "asked": 0}, {"other": 2}], accuracy)
    assert found["accuracy"] == Estimate(None, None, None)


def test_clusters_that_are_all_alike_give_an_interval_of_no_width() -> None:
    found = bootstrap([{"right": 2, "asked": 2}] * 30, accuracy)
    assert found["accuracy"] == Estimate(1.0, 1.0, 1.0)


def test_a_biased_metric_keeps_its_point_inside() -> None:
    tallies: list[Tally] = [{f"cell{i}": 1} for i in range(20)]

    def spread(sums: Tally) -> dict[str, float]:
        return {"spread": sum((value - 1) ** 2 for value in sums.values())}

    estimate = bootstrap(tallies, spread)["spread"]
    assert estimate.value == estimate.low == 0
    assert estimate.high is not None and estimate.high > 0


def test_nothing_to_sum_is_an_error_and_not_zero() -> None:
    with pytest.raises(EvalError, match="no cluster"):
        bootstrap([], accuracy)


def test_a_tally_that_is_no_number_is_an_error_that_names_it() -> None:
    with pytest.raises(EvalError, match="'right' = nan"):
        bootstrap([{"right": math.nan, "asked": 1}, {"asked": 1}], accuracy)


def test_replicates_without_a_value_are_counted() -> None:
    tallies: list[Tally] = [{"right": 1, "asked": 2}, {"right": 3, "asked": 4}, {"x": 1}]
    found = bootstrap(tallies, accuracy, replicates=4000)["accuracy"]
    assert found.undefined == pytest.approx(4000 / 27, rel=0.2)  # all three draws are the last


@pytest.mark.parametrize(
    ("estimate", "clusters", "words"),
    [
        (Estimate(0.5, 0.4, 0.6), 50, []),
        (Estimate(0.5, 0.4, 0.6), 0, []),
        (Estimate(0.5, 0.4, 0.6), 49, ["only 49 clusters"]),
        (Estimate(0.5, 0.4, 0.6, 7), 60, ["7 resamples have no value"]),
        (Estimate(0.5, None, None, 370), 60, ["a single cluster"]),
        (Estimate(1.0, 1.0, 1.0), 12, ["no width", "only 12 clusters"]),
        (Estimate(None, None, None), 12, []),
    ],
)
def test_what_makes_an_interval_doubtful_is_said(
    estimate: Estimate, clusters: int, words: list[str]
) -> None:
    found = caveats(estimate, clusters)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))
