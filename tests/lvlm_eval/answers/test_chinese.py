"""CMMMU's rules, slips included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.answers.chinese import (
    blank_candidates,
    blank_normalised,
    most_frequent_letters,
    true_or_false,
)

OPTIONS = {"A": "红色", "B": "蓝色", "C": "绿色", "D": "黑色"}


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("B", "B"),
        ("选B和D", "BD"),
        ("(A) 不是 B, B", "A"),  # with brackets first
        ("A, B, B", "B"),
        ("BAD", "ABD"),  # inside words too, in the options' order
        ("蓝色，蓝色，红色", "B"),
        ("不知道", None),
        ("", None),
    ],
)
def test_the_letters_that_occur_most_are_the_answer(text: str, letters: str | None) -> None:
    assert most_frequent_letters(text, OPTIONS) == letters


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("对", "对"),
        ("错", "错"),
        ("这个说法是错误的。", "错"),
        ("不正确", "对"),  # the word for right is in it
        ("对不对", None),
        ("是对。是错。是错的", "错"),
        ("是对。是错", None),
        ("不知道", None),
    ],
)
def test_true_or_false_is_a_count_of_tails(text: str, answer: str | None) -> None:
    assert true_or_false(text) == answer


@pytest.mark.parametrize(
    ("text", "answer", "meant"),
    [
        ("答案是 42。", "42", {42.0}),
        ("x=3", "3", {3.0}),
        ("x=3。所以y", "y", {"y"}),
        ("结果为1，200", "1200", {"1，200", 200.0}),
        ("猫", "猫", {"猫"}),
        ("a very long answer", "猫", set()),  # too many Latin letters beside the answer
    ],
)
def test_a_blank_is_filled_by_tails_and_numbers(
    text: str, answer: str, meant: set[str | float]
) -> None:
    assert set(blank_candidates(text, answer)) == meant


@given(text=st.text())
def test_an_answer_to_a_blank_is_right_by_itself(text: str) -> None:
    assert len(blank_normalised(text, text)) == 1
    assert true_or_false(text) in (None, "对", "错")
