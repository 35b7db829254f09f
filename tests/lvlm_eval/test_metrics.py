"""Figures from sums: lopsided examples by hand, and that sums may be split anywhere."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.metrics import (
    add_up,
    binary,
    half_up,
    harmonic_mean,
    means,
    or_none,
    or_zero,
    outcome,
    per_item,
    ratio,
    tally_correct,
    tally_named,
    tally_values,
    totals,
    vqa_accuracy,
)
from lvlm_eval.schema import Image, Prompt, Record, Response, Sample, Score


def test_binary_figures_all_differ_on_a_lopsided_table() -> None:
    assert binary(tp=3, fp=1, tn=10, fn=6) == pytest.approx(
        {
            "accuracy": 13 / 20,
            "precision": 3 / 4,
            "recall": 3 / 9,
            "f1": 6 / 13,
            "yes_ratio": 4 / 20,
        }
    )


def test_binary_figures_of_nothing_have_no_value() -> None:
    assert all(math.isnan(value) for value in binary(0, 0, 0, 0).values())
    nothing_called = binary(tp=0, fp=0, tn=3, fn=1)
    assert math.isnan(nothing_called["precision"]) and math.isnan(nothing_called["f1"])
    assert nothing_called["recall"] == 0
    assert binary(tp=0, fp=2, tn=3, fn=1)["f1"] == 0


@given(*[st.integers(1, 1000)] * 4)
def test_f1_is_what_its_counts_say(tp: int, fp: int, tn: int, fn: int) -> None:
    figures = binary(tp, fp, tn, fn)
    assert figures["f1"] == pytest.approx(float(Fraction(2 * tp, 2 * tp + fp + fn)))
    assert all(0 <= value <= 1 for value in figures.values())


def test_an_unread_answer_falls_among_the_negative() -> None:
    cells = [outcome(a, t) for t in ("yes", "no") for a in ("yes", "no", None)]
    assert cells == ["tp", "fn", "fn", "fp", "tn", "tn"]
    assert outcome("no", "no", positive="no") == "tp"


def test_accuracy_leaves_each_annotator_out_in_turn() -> None:
    assert vqa_accuracy("a", ["a", "b", "c"]) == pytest.approx((0 + 1 / 3 + 1 / 3) / 3)
    assert vqa_accuracy("a", ["a", "a", "a", "a", "b"]) == 1
    assert vqa_accuracy("a", ["a", "a", "a", "b"]) == pytest.approx((3 * 2 / 3 + 1) / 4)
    assert vqa_accuracy("x", ["a"]) == 0


@given(agreeing=st.integers(0, 10), shuffle=st.permutations(range(10)))
def test_accuracy_with_ten_people_is_three_tenths_for_each_up_to_one(
    agreeing: int, shuffle: list[int]
) -> None:
    people = ["a" if place < agreeing else f"b{place}" for place in shuffle]
    assert vqa_accuracy("a", people) == pytest.approx(min(1.0, 0.3 * agreeing))


NAMED = st.lists(st.tuples(st.sampled_from(["a", "b/c", ""]), st.floats(0, 1)))


@given(values=NAMED, at=st.integers(0, 20))
def test_tallies_of_parts_add_up_to_the_tally_of_the_whole(
    values: list[tuple[str, float]], at: int
) -> None:
    parts = add_up([tally_values(values[:at]), tally_values(values[at:])])
    assert parts == pytest.approx(tally_values(values))


def test_means_are_by_name_and_nan_for_nothing() -> None:
    sums = tally_values([("a", 1.0), ("a", 0.0), ("b", 0.25), ("a", 0.5)])
    assert means(sums) == {"a": 0.5, "b": 0.25}
    assert totals(sums) == {"a": (1.5, 3.0), "b": (0.25, 1.0)}
    emptied = means(dict.fromkeys(sums, 0.0))
    assert emptied.keys() == {"a", "b"} and all(math.isnan(value) for value in emptied.values())


@given(st.lists(st.floats(0, 1)))
def test_values_of_one_name_are_summed_as_those_of_many(values: list[float]) -> None:
    assert tally_named("a", values) == tally_values([("a", value) for value in values])


def test_sums_run_from_left_to_right_without_compensation() -> None:
    values = [("a", value) for value in (0.1,) * 10]
    assert (
        tally_values(values)["a|sum"] == 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1
    )
    assert tally_values(values)["a|sum"] != 1.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3.125, 3.13), (3.375, 3.38), (2.5, 2.5), (33.333333, 33.33), (2.675, 2.67), (-0.125, -0.13)],
)
def test_rounding_is_python_2s(value: float, expected: float) -> None:
    assert half_up(value, 2) == expected


@given(st.floats(-1e6, 1e6))
def test_rounding_stays_within_half_a_unit(value: float) -> None:
    assert abs(half_up(value, 2) - value) <= 0.005 * (1 + 1e-6)


def test_values_that_are_not_there() -> None:
    assert math.isnan(ratio(1, 0)) and ratio(1, 4) == 0.25
    assert (or_none(math.nan), or_none(0.5)) == (None, 0.5)
    assert (or_zero(math.nan), or_zero(0.5)) == (0.0, 0.5)
    assert math.isnan(half_up(math.nan, 2))
    assert harmonic_mean(0, 0) == 0 and harmonic_mean(1, 0.5) == pytest.approx(2 / 3)
    assert math.isnan(harmonic_mean(math.nan, 1))


def test_items_are_listed_and_summed_by_their_correctness() -> None:
    records = [
        Record(
            Sample(name, Prompt.user(Image(data=b"")), "x"),
            Response(name, "y", "stop"),
            Score({"correct": correct}, "y"),
        )
        for name, correct in (("1", 1.0), ("2", 0.25))
    ]
    assert per_item(records, scale=100) == {"1": 100, "2": 25}
    assert tally_correct(records) == {"correct|n": 2, "correct|sum": 1.25}
