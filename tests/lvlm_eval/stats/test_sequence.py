"""Sequences of bets: valid at any time, one by one as all at once, tight enough to be of use."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lvlm_eval.stats import Bets, confidence_sequence, log_capital


def drawn(seed: int, mean: float, count: int) -> list[float]:
    """Values of -1, 0 and 1 of which 6 of 100 are not 0."""
    draws = np.random.default_rng(seed).random(count)
    lost, gained = (0.06 - mean) / 2, (0.06 + mean) / 2
    values: list[float] = ((draws > 1 - gained) * 1.0 - (draws < lost) * 1.0).tolist()
    return values


def test_one_by_one_is_as_all_at_once() -> None:
    values = drawn(1, -0.03, 200)
    bets = Bets(-0.01, lower=False)
    for value in values:
        bets.add(value)
    assert bets.log_capital == pytest.approx(log_capital(values, -0.01, lower=False)[-1])


def test_the_order_does_not_matter_to_what_has_been_won() -> None:
    values = drawn(2, -0.03, 200)
    assert log_capital(values, 0.0, lower=True)[-1] == pytest.approx(
        log_capital(values[::-1], 0.0, lower=True)[-1]
    )


def test_a_true_bound_is_refuted_at_any_time_in_fewer_than_alpha() -> None:
    refuted = sum(
        bool((log_capital(drawn(seed, 0.0, 1000), 0.0, lower=True) >= math.log(1 / 0.1)).any())
        for seed in range(300)
    )
    assert refuted <= 0.1 * 300


def test_a_loss_is_found_within_a_few_hundred() -> None:
    capital = log_capital(drawn(3, -0.05, 1000), 0.0, lower=True)
    assert 50 < int((capital >= math.log(20)).argmax()) < 600


def test_capital_on_one_value_is_that_of_the_mean_bet() -> None:
    """All stakes between 3 % and 99 % evenly: their mean, 51 %, is what one loss doubles by."""
    assert math.exp(log_capital([-1.0], 0.0, lower=True)[0]) == pytest.approx(1.51)
    assert math.exp(log_capital([1.0], 0.0, lower=True)[0]) == pytest.approx(0.49)


def test_a_confidence_sequence_holds_the_mean_and_narrows() -> None:
    values = drawn(4, -0.05, 2000)
    wide, narrow = confidence_sequence(values[:200], 0.05), confidence_sequence(values, 0.05)
    for low, high in (wide, narrow):
        assert low < -0.05 < high
    assert narrow[1] - narrow[0] < (wide[1] - wide[0]) / 2


def test_nothing_is_excluded_by_one_value() -> None:
    low, high = confidence_sequence([0.0], 0.05)
    assert (low, high) == pytest.approx((-1.0, 1.0), abs=0.05)
