"""Edit distance, ANLS and relaxed accuracy: every oddity by example, bounds by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.similarity import (
    anls,
    anls_of_stripped,
    edit_distance,
    mp_docvqa_accuracy,
    mp_docvqa_anls,
    number_or_none,
    relaxed_match,
)

TEXTS = st.text(alphabet="ab ß\t", max_size=8)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("ab", "ba", 2)],
)
def test_the_edit_distance_counts_single_changes(first: str, second: str, expected: int) -> None:
    assert edit_distance(first, second) == edit_distance(second, first) == expected


@given(first=TEXTS, second=TEXTS, third=TEXTS)
def test_the_edit_distance_is_a_metric(first: str, second: str, third: str) -> None:
    assert (edit_distance(first, second) == 0) == (first == second)
    around = edit_distance(first, third) + edit_distance(third, second)
    assert abs(len(first) - len(second)) <= edit_distance(first, second) <= around


@pytest.mark.parametrize(
    ("text", "accepted", "expected"),
    [
        ("Nordvik", ["nordvik"], 1),
        ("abcd", ["abce", "xyz"], 0.75),
        ("ab", ["ax"], 0.5),  # exactly one half stays
        ("abc", ["axx"], 0),
        ("", [""], 1),
        ("a  b", ["a b"], 1),
        ("abx ", ["aby"], 0.75),  # one change, divided by the four characters as they came
        ("aß", ["ab"], 2 / 3),  # upper-cased it is ASS, three long
    ],
)
def test_the_servers_anls_divides_by_the_texts_as_they_came(
    text: str, accepted: list[str], expected: float
) -> None:
    assert anls(text, accepted) == pytest.approx(expected)


def test_other_evaluators_divide_by_what_they_compare() -> None:
    assert anls_of_stripped("abx ", ["aby"]) == pytest.approx(2 / 3)
    assert anls_of_stripped("a  b", ["a b"]) == 0.75
    assert mp_docvqa_anls("None", ["none"]) == mp_docvqa_anls(" ", [""]) == 0
    assert anls_of_stripped("None", ["none"]) == 1
    assert mp_docvqa_accuracy(" Four", ["4", "four "]) == 1
    assert mp_docvqa_accuracy("None", ["none"]) == 0


@given(text=TEXTS, accepted=st.lists(TEXTS, min_size=1, max_size=3))
def test_anls_is_0_or_at_least_one_half_and_grows_with_more_accepted_answers(
    text: str, accepted: list[str]
) -> None:
    value = anls(text, accepted)
    assert value == 0 or 0.5 <= value <= 1
    assert anls(text, [*accepted, text]) == 1 >= value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14", 14),
        (" 14 ", 14),
        ("5 %", 0.05),
        ("5%%", 0.05),
        ("1e3", 1000),
        ("1_000", 1000),
        ("１４", 14),
        ("1,250", None),
        ("$45", None),
        ("%", None),
        ("5% ", None),
    ],
)
def test_a_number_is_what_python_reads(text: str, expected: float | None) -> None:
    assert number_or_none(text) == expected


@pytest.mark.parametrize(
    ("prediction", "target", "right"),
    [
        ("1915", "2015", True),
        ("1914", "2015", False),
        ("105", "100", True),  # five per cent itself is near enough
        ("0.0", "0", False),
        ("0", "0", True),
        ("14%", "14", False),
        ("14%", "0.14", True),
        ("YES", "yes", True),
        ("yes ", "yes", False),
        ("nan", "nan", False),
        ("inf", "inf", False),
    ],
)
def test_relaxed_accuracy_is_relative_to_the_target(
    prediction: str, target: str, right: bool
) -> None:
    assert relaxed_match(prediction, target) is right
