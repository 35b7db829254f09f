"""MMMU's open answers: what an answer may mean, slips included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.answers.candidates import any_matches, normalised, open_candidates


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("about 25", {"about 25", 25.0}),
        ("The final answer is 24.80.", {24.8}),
        ("x is 3 so y = -2", {-2.0}),  # "=" only counts in the last line
        ("x = 1\nso y", {" y", "y "}),
        ("so it could be red, is green", {"green"}),
        ("it is ", {"it is"}),  # the blank behind a cue is stripped from the end of the text
        ("is it", {"it"}),
        ("the result is: ", {"is:"}),
        ("1,200", {1200.0, 200.0}),
        ("6.02e23", {6.02e23, 6.0, 23.0}),
        ("so .\n7", {"so .\n7", 7.0}),
        ("None", {"none"}),
        ("Y.", {" y", "y "}),
        ("3.14159", {3.14}),
        ("", {""}),
    ],
)
def test_an_answer_means_texts_and_numbers(text: str, meant: set[str | float]) -> None:
    assert set(open_candidates(text)) == meant


def test_an_empty_tail_is_replaced_even_by_a_longer_one() -> None:
    assert open_candidates("is a so \nx") == ["a so"]
    assert open_candidates("so a is b\nx") == [" b", "b "]


@pytest.mark.parametrize(
    ("answer", "accepted", "right"),
    [
        ("a transformer", ["Transformer"], True),
        ("a transform", ["Transformer"], False),
        ("10.004", ["10"], True),
        ("10.006", ["10"], False),
        ("there are five", ["5", "five"], True),
        ("15", ["5"], False),
        ("y", ["Y"], True),
        ("gray", ["a"], False),  # one letter must stand beside a blank
        ("-3", ["3"], False),
    ],
)
def test_a_text_must_be_in_it_and_a_number_equal(
    answer: str, accepted: list[str], right: bool
) -> None:
    wanted = [one for text in accepted for one in normalised(text)]
    assert any_matches(open_candidates(answer), wanted) is right


@given(text=st.text())
def test_every_answer_means_something_and_itself_is_right(text: str) -> None:
    assert open_candidates(text)
    assert any_matches(normalised(text), normalised(text)) or normalised(text) != normalised(text)
