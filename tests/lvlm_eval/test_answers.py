"""Reading answers: every oddity of the published rules, by example and by property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.answers.phrases import (
    CONTRACTIONS,
    EVAL_AI,
    VIZWIZ_CONTRACTIONS,
    VLMEVALKIT,
    VQA_OFFICIAL,
    as_compared,
    eval_ai_answer,
    normalise_phrase,
    normalise_words,
    one_line,
    strip_marks,
    vizwiz_answer,
)
from lvlm_eval.answers.yes_no import (
    first_yes_no,
    only_yes_or_no,
    yes_no_in_first_sentence,
    yes_no_in_four_characters,
)

WORDS = st.lists(
    st.sampled_from(["yes", "No", "not", "no", "none", ".", ",", "YES", "\n", "noyes", "n't", ""])
).map(" ".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No", "no"),
        ("There is no cat.", "no"),
        ("It is not, I think", "no"),
        ("No, there is", "no"),
        ("Yes. There is no dog.", "yes"),
        ("", "yes"),
        ("NO", "yes"),
        ("No\n", "yes"),
        ("no!", "yes"),
        ("none", "yes"),
        ("isn't", "yes"),
        ("n,o", "no"),
        ("maybe", "yes"),
    ],
)
def test_pope_looks_for_a_negation_in_the_first_sentence(text: str, expected: str) -> None:
    assert yes_no_in_first_sentence(text) == expected


@given(text=WORDS, more=WORDS)
def test_what_follows_the_first_period_is_nothing_to_pope(text: str, more: str) -> None:
    sentence = text.replace(".", "")
    assert yes_no_in_first_sentence(f"{sentence}.{more}") == yes_no_in_first_sentence(sentence)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes", "yes"),
        ("NO.", "no"),
        ("none", "no"),
        ("now", "no"),
        ("uno", "no"),
        ("- no", "no"),
        ("1. no", None),
        ("(yes)", "yes"),
        (" yes", "yes"),
        ("  yes", None),
        ("   no", None),
        ("the answer is yes", None),
        ("", None),
        ("y", None),
    ],
)
def test_mme_looks_at_the_first_four_characters(text: str, expected: str | None) -> None:
    assert yes_no_in_four_characters(text) == expected


@given(start=st.text(min_size=4, max_size=4), rest=st.text())
def test_what_follows_the_fourth_character_is_nothing_to_mme(start: str, rest: str) -> None:
    if len(start.lower()) == 4:  # some capitals are two characters in lower case
        assert yes_no_in_four_characters(start + rest) == yes_no_in_four_characters(start)


@pytest.mark.parametrize(
    ("text", "first", "only"),
    [
        ("The answer is yes.", "yes", "yes"),
        ("NO!", "no", "no"),
        ("no, I mean yes", "no", None),
        ("nothing, yesterday", None, None),
        ("yes/no", "yes", None),
        ("yes, yes", "yes", "yes"),
        ("yes_", None, "yes"),
        ("no.1", "no", None),  # the period stays, having a digit on one side
        ("ＹＥＳ。", "yes", None),
        ("**No**", "no", None),
        ("（是）", "yes", None),
        ("不是，没有", "no", None),
        ("答案是yes", "yes", None),
        ("", None, None),
    ],
)
def test_lenient_readers_look_for_whole_words(
    text: str, first: str | None, only: str | None
) -> None:
    assert first_yes_no(text) == first
    assert only_yes_or_no(text) == only


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x-ray", "x ray"),
        ("x -ray", "x ray"),
        ("x- ray, b-c", "x ray bc"),  # one dash next to a space takes all dashes along
        ("red/blue", "red blue"),
        ("1,250", "1250"),
        ("a/b 1,250", "ab 1250"),  # digit, comma, digit: every mark is deleted
        ("10:45 & it's 5%", "10:45 & it's 5%"),
        ("what?", "what "),
        ("5.", "5"),
        ("2.5", "2.5"),
        (".5", ".5"),
        ("N.A.S.A.", "NASA"),
        ("2.5.", "2.5"),
        ("{[(a)]}", "   a   "),
        ('"a"', " a "),
    ],
)
def test_official_marks(text: str, expected: str) -> None:
    assert strip_marks(text, VQA_OFFICIAL) == expected


def test_at_most_32_periods_are_deleted() -> None:
    assert strip_marks("yes" + "." * 32) == "yes"
    assert strip_marks("yes" + "." * 40) == "yes" + "." * 8


def test_the_copies_of_the_mark_step_differ_at_digits() -> None:
    assert strip_marks("5.", VLMEVALKIT) == "5."
    assert strip_marks("v.", VLMEVALKIT) == "v"
    assert [strip_marks("1,,2", rules) for rules in (VQA_OFFICIAL, EVAL_AI)] == ["1  2", "12"]
    assert [strip_marks(".４", rules) for rules in (VQA_OFFICIAL, EVAL_AI)] == ["４", ".４"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Red  an apple a", "red apple"),
        ("none zero one ten eleven", "0 0 1 10 eleven"),
        ("A", ""),
        ("dont WONT youre", "don't won't you're"),
        ("shouldntve shouldn'tve shouldnt've", "shouldntve shouldn't've shouldn't've"),
        ("Im Ive id ill its lets shes well", "im ive id ill its lets shes well"),
        ("somebody'd somebodyd", "somebodyd somebodyd"),
        ("oclock maam twas yall yall'll", "o'clock ma'am 'twas y'all y'all'll"),
    ],
)
def test_words_numbers_articles_and_contractions(text: str, expected: str) -> None:
    assert normalise_words(text) == expected


def test_a_contraction_is_spelt_without_one_apostrophe_and_becomes_itself() -> None:
    assert len(CONTRACTIONS) == 114
    for wrong, right in CONTRACTIONS.items():
        assert wrong.replace("'", "") == right.replace("'", "")
        assert abs(right.count("'") - wrong.count("'")) == 1


@given(text=st.text())
def test_a_normalised_phrase_has_no_article_and_single_blanks(text: str) -> None:
    words = normalise_phrase(one_line(text)).split(" ")
    assert not {"a", "an", "the"} & set(words)
    assert words == [""] or all(words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes.", "yes"),
        ("yes, there is", "yes there is"),
        ("Baker's", "baker 's"),
        ("it's", "it 's"),
        ("1,250-1,250", "1250 1250"),  # commas go before they could take the dash along
        ("\tThe red\ncar ", "red car"),
        ("What?", "what"),
        ("A", ""),
        ("", ""),
    ],
)
def test_what_llava_uploads(text: str, expected: str) -> None:
    assert eval_ai_answer(text) == expected


def test_nothing_is_normalised_where_all_people_agree_to_the_letter() -> None:
    assert as_compared(" T-SHIRT\n", ["T-SHIRT", "T-SHIRT "]) == ("T-SHIRT", ["T-SHIRT"] * 2)
    assert as_compared("T-SHIRT", ["T-SHIRT", "t shirt"]) == ("t shirt", ["t shirt"] * 2)


@given(text=st.text(), others=st.lists(st.text(), min_size=1))
def test_an_answer_equal_to_an_annotators_is_compared_as_equal(
    text: str, others: list[str]
) -> None:
    answer, annotators = as_compared(text, [text, *others])
    assert annotators[0] == answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dont know", "don\u2019t know"),
        ("don't know", "don't know"),
        ("arent", "aren't"),
        ("weve", "we've"),
        ("hadn'tve", "hadn\u2019t\u2019ve"),
        ("couldn\u2019tve", "couldn\u2019tve"),
        ("shouldn\u2019tve", "shouldn\u2019t\u2019ve"),
        ("shouldn'tve", "shouldn'tve"),
        ("The two,\n", "2"),
    ],
)
def test_vizwiz_writes_most_apostrophes_typographically(text: str, expected: str) -> None:
    assert vizwiz_answer(text) == expected


def test_vizwiz_knows_the_contractions_that_vqa_knows() -> None:
    plain = {k.replace("\u2019", "'"): v for k, v in VIZWIZ_CONTRACTIONS.items()}
    assert {k: v.replace("\u2019", "'") for k, v in plain.items()} == CONTRACTIONS
