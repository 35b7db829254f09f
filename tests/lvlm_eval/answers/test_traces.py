"""Reasoning is taken off once; refusals are told from answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.answers.traces import is_refusal, without_trace


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>A or B? B.</think>\n\nC", "C"),
        ("A or B?\n</think> C ", "C "),  # the opening mark stood in the prompt
        ("<think>A</think>B<think>C</think>D", "D"),
        ("<think>A</think>B <think>cut", "B "),
        ("<think>Is it A, or perhaps", ""),
        ("  <thinking>A</thinking>yes", "yes"),
        ("◁think▷A◁/think▷否", "否"),
    ],
)
def test_only_what_comes_after_the_reasoning_is_the_answer(text: str, answer: str) -> None:
    assert without_trace(text) == (answer, True)


@given(text=st.text(alphabet="ab<>/ \nthink", max_size=30))
def test_a_text_without_marks_stays_to_the_character(text: str) -> None:
    if "<think>" not in text and "</think>" not in text:
        assert without_trace(text) == (text, False)


@given(text=st.text(max_size=30))
def test_taking_reasoning_off_twice_changes_nothing(text: str) -> None:
    once, _ = without_trace(f"<think>x</think>{text}")
    again, _ = without_trace(once)
    assert again == once or "<" in text or "◁" in text


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.", "Sorry, I cannot see the image.",
        "I cannot determine the answer from the picture.", "As an AI, I do not see.",
        "I’m unable to tell.", "**I'm sorry**", "抱歉，我无法回答。", "我无法识别图片",
        "I can't assist.",
    ],
)  # fmt: skip
def test_refusals_are_known(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    ["No", "A", "I see a sorry dog.", "The sign says: sorry, closed", "no, I can not see one", "",
     "cannot", "无", "I am sure it is B."],
)  # fmt: skip
def test_answers_are_no_refusals(text: str) -> None:
    assert not is_refusal(text)
