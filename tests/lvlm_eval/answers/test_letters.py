"""Reading letters: every oddity of the published rules, by example and by property."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.answers.letters import (
    Options,
    bare_letter,
    first_character,
    lenient_letter,
    letter_after_filter,
    letter_at_start,
    letter_in_marks,
    letter_of_mmmu,
    letter_of_mmmu_in_lmms_eval,
    letter_or_text,
    ranked_letter,
    science_letter,
    science_letter_of_lmms_eval,
)

OPTIONS = {"A": "a red kite", "B": "Blue", "C": "green", "D": "greenish"}
RULES = (
    bare_letter,
    first_character,
    lenient_letter,
    letter_after_filter,
    letter_at_start,
    letter_in_marks,
    letter_of_mmmu,
    letter_of_mmmu_in_lmms_eval,
    letter_or_text,
    ranked_letter,
    science_letter,
    science_letter_of_lmms_eval,
)
PIECES = st.lists(
    st.sampled_from([*"ABCDEZabc", "(", ")", ".", ". ", " ", "\n", "The answer is ", "Blue", "*"])
).map("".join)


@pytest.mark.parametrize(
    ("text", "letter"),
    [("B", "B"), ("E", None), ("b", None), ("B.", None), (" B", None), ("B\n", None), ("", None)],
)
def test_a_bare_letter_is_all_there_is(text: str, letter: str | None) -> None:
    assert bare_letter(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"), [("B", "B"), (" b.", "B"), ("A dog", "A"), ("Blue", "B"), ("  ", None)]
)
def test_the_first_character_is_taken_for_a_letter(text: str, letter: str | None) -> None:
    assert first_character(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("E", "E"),
        ("F", None),
        ("B. Blue", "B"),
        ("B. ", "B"),
        ("B.", None),
        ("B.\nBlue", None),
        ("A) x", None),
        ("(A)", None),
        ("So: The answer is B.", "B"),
        ("The answer is B", None),
        ("The answer is B\n", None),
        ("The answer is Blue", "B"),
        ("The answer is F.", "F"),
        ("the answer is B.", None),
        ("The answer is A. The answer is B.", None),
        ("F. The answer is B.", "B"),
        ("", None),
    ],
)
def test_llavas_rule_for_scienceqa_knows_three_forms(text: str, letter: str | None) -> None:
    assert science_letter(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [("b", "B"), (" B ", "B"), ("B.", "B"), ("B. x", "B"), ("b. x", None), ("(B)", None)],
)
def test_lmms_evals_rule_for_scienceqa_strips(text: str, letter: str | None) -> None:
    assert science_letter_of_lmms_eval(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("(B)", "B"),
        ("**B**", "B"),
        ("b", None),  # nor does the text of an option occur in it
        ("A or B", None),
        ("B it is as far as I can see", None),  # a letter must be among the last four words
        ("I would say, it is B.", "B"),
        ("B x x B", "B"),
        ("B x x x x B", None),  # the first occurrence counts
        ("The correct ANSWER is b, as anyone who looks at it can see for themselves", "B"),
        ("blue", "B"),
        ("greenish", None),  # contains the text of C and of D
        ("It is a red kite", "A"),
        ("Z", "Z"),
        ("A Z", "A"),
        ("I'm sorry, but without the image provided I say B", "Z"),
        ("Failed to obtain answer via API B", None),
        ("blue " * 12, None),  # longer than twice all options together
        ("", None),
        ("E", None),
    ],
)
def test_vlmevalkit_reads_a_letter_or_the_text_of_an_option(text: str, letter: str | None) -> None:
    assert letter_or_text(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("E", "E"),  # always A to E, whatever is offered
        ("A red one", "A"),
        ("A is what I see", "A"),  # no bare letter beside an A in more than three words: ranked
        ("I see A there, B.", "B"),
        ("(C).", "C"),
        ("it is :D)", "D"),
        ("A. or B.", "A"),  # two in the same marks: ranked
        ("blue it is", "B"),
        ("greenish", None),
    ],
)
def test_lmms_evals_static_rule_knows_certain_marks(text: str, letter: str | None) -> None:
    assert letter_in_marks(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("b", None),
        ("A good question; the answer is C.", "A"),
        ("A-Pelican", "A"),
        ("(B) rather than C", "B"),
        ("AC", "C"),  # no start, an end neither, so the last of all
        ("B选", "B"),
        ("\\boxed{B}", "B"),
        ("Not A: it must be C!", "C"),
        ("the answer is B, not so D said", "D"),  # the last after the phrase
        ("answer is A or B; the answer is A, so", "A"),
        ("It was (B) and C. then", "B"),
        ("xB. and C: then", "B"),
        ("xB: and C) then", "B"),
        ("xB) and C then", "B"),
        ("xB then xCx", "B"),
        ("xBx xCx", "C"),
        ("none", None),
        ("", None),
    ],
)
def test_lmms_eval_ranks_the_forms_of_a_letter(text: str, letter: str | None) -> None:
    assert ranked_letter(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("b", "B"),
        ("Ｂ。", "B"),
        ("（Ｂ）", "B"),
        ("**B.** Blue", "B"),
        ("[B] Blue", "B"),
        ("\\boxed{B}", "B"),
        ("<answer>B</answer>", "B"),
        ("答案是Ｂ", "B"),
        ("选B", "B"),
        ("Answer: (B), since", "B"),
        ("the answer is (b).", "B"),
        ("The answer is A red kite", "A"),
        ("The answer is a blue one", "B"),
        ("First I thought the answer is A. No: the answer is B.", "B"),
        ("Option B", "B"),
        ("A red kite", "A"),
        ("A blue one", "B"),  # an article is no letter
        ("I see B here", "B"),
        ("A or B", None),
        ("AB", None),
        ("Sorry, I cannot tell", None),
    ],
)
def test_a_lenient_reader_looks_past_the_manner(text: str, letter: str | None) -> None:
    assert lenient_letter(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("(b)", "B"),
        ("**B**", "B"),
        (" B. Blue", "B"),
        (" B", None),
        ("B\n", None),
        ("b. Blue", None),
        ("E", None),
    ],
)
def test_on_ai2d_blanks_count_and_marks_do_not(text: str, letter: str | None) -> None:
    assert letter_after_filter(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("a dog", "A"),
        ("Both", "B"),
        (" (c) x", "C"),
        ("Option d", "D"),
        ("The answer\nis b", "B"),
        ("the answer is", None),
        ("the  answer is b", None),
        ("(", None),
        ("", None),
        ("E", None),
    ],
)
def test_mmstars_rule_looks_at_one_character(text: str, letter: str | None) -> None:
    assert letter_at_start(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "official", "copy"),
    [
        ("B", "B", "B"),
        ("(B) or A", "B", "B"),
        ("A or B", "B", "B"),
        ("'B'.", "B", "B"),
        ("'.B", None, "B"),  # marks are stripped in the order of a list, the period before "'"
        ("B.", "B", "B"),
        ("B. Blue", None, "B"),
        ("AB", None, "B"),
        ("C or B, not A, I say", "C", "C"),  # "B," and "A," are no words
        ("C)", None, None),
        ("blue", None, None),  # five words are too few for an option's text
        ("it is blue, I think, or a red kite", "A", "A"),
        ("it might well be Blue I think", "B", "B"),
        ("it might well be an elephant", None, None),
    ],
)
def test_mmmus_rule_and_its_copy_take_what_stands_last(
    text: str, official: str | None, copy: str | None
) -> None:
    assert letter_of_mmmu(text, OPTIONS) == official
    assert letter_of_mmmu_in_lmms_eval(text, OPTIONS) == copy


@pytest.mark.parametrize("rule", RULES)
@given(text=PIECES)
def test_no_rule_reads_anything_but_one_character(
    rule: Callable[[str, Options], str | None], text: str
) -> None:
    assert (letter := rule(text, OPTIONS)) is None or len(letter) == 1


@given(text=st.text())
def test_what_the_strict_rule_reads_the_lenient_one_reads_too(text: str) -> None:
    for letter in OPTIONS:
        assert lenient_letter(letter, OPTIONS) == bare_letter(letter, OPTIONS) == letter
    assert bare_letter(text, OPTIONS) in (None, lenient_letter(text, OPTIONS))
