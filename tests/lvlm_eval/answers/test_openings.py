"""Readers of single benchmarks: against the authors' rules restated, on thousands of answers."""

import re
from collections.abc import Callable, Mapping

import pytest

from lvlm_eval.answers.openings import (
    cambrian_letter,
    first_of_two,
    leading_letter,
    mmmu_pro_letter,
    muirbench_letter,
    real_world_letter,
)

from .generated import answers

PLAIN = {"A": "red", "B": "green lamp", "C": "blue", "D": "an eagle"}
FULL = {key: f"({key}) {text}" for key, text in (PLAIN | {"E": "none of these"}).items()}
MANY = {letter: f"kind {letter.lower()}{i}" for i, letter in enumerate("ABCDEFGHIJ")}

Rule = Callable[[str, Mapping[str, str]], str | None]


def restated_cambrian(text: str, options: Mapping[str, str]) -> str | None:
    """Lower case; behind the last keyword; outer blanks, periods, brackets off; one character."""
    rest = text.lower().strip()
    for keyword in ("answer is", "answer is:", "answer:"):
        rest = re.sub(f"(?s)^.*{keyword}", "", rest)
    rest = re.sub(r"^\(+", "", re.sub(r"\.+\Z", "", rest.strip()))
    return re.sub(r"\)+\Z", "", rest)[:1].upper() or None


def restated_real_world(text: str, options: Mapping[str, str]) -> str | None:
    """Known phrases deleted; the first A to E; else, if short, the first option holding it."""
    phrases = ["The best answer is", "The correct answer is", "The answer is", "The answer"]
    rest = text.strip()
    for phrase in phrases:
        rest = "".join(rest.split(phrase))
    capitals = [character for character in rest if character in "ABCDE"]
    if capitals:
        return capitals[0]
    holders = [o for o in options.values() if rest.lower() in o.lower()]
    return holders[0][1] if holders and len(rest.split()) <= 10 else None


def restated_mmmu(text: str, options: Mapping[str, str], forms: list[str]) -> str | None:
    """Marks off the ends; candidates by the first form that any has; the one said last."""
    for mark in [",", ".", "!", "?", ";", ":", "'"]:
        text = re.sub(f"^{re.escape(mark)}+|{re.escape(mark)}+\\Z", "", text)
    text = " " + text + " "
    candidates: list[str] = []
    chosen = ""
    for form in forms:
        if not candidates:
            candidates = [key for key in options if form.replace("X", key) in text]
            chosen = form
    if candidates:
        shown = "(X)" if chosen == "(X)" else " X "
        ends = [text.rfind(shown.replace("X", key)) for key in candidates]
    elif len(text.split()) > 5:
        candidates = [key for key, option in options.items() if option.lower() in text.lower()]
        ends = [text.lower().rfind(options[key].lower()) for key in candidates]
    return candidates[ends.index(max(ends))] if candidates else None


def restated_mmmu_pro(text: str, options: Mapping[str, str]) -> str | None:
    if "Answer:" in text:
        named = [key for key in options if key in text.split("Answer:")[-1]]
        if len(named) == 1:
            return named[0]
    return restated_mmmu(text, options, ["(X)", "X ", "X."])


def restated_muirbench(text: str, options: Mapping[str, str]) -> str | None:
    return restated_mmmu(text, options, ["(X)", " X "])


@pytest.mark.parametrize(
    ("ours", "restated", "options"),
    [
        (cambrian_letter, restated_cambrian, PLAIN),
        (real_world_letter, restated_real_world, FULL),
        (mmmu_pro_letter, restated_mmmu_pro, MANY),
        (muirbench_letter, restated_muirbench, PLAIN),
    ],
)
def test_the_authors_rule_is_kept_on_thousands_of_answers(
    ours: Rule, restated: Rule, options: Mapping[str, str]
) -> None:
    texts = list(answers(options, 5000, seed=7))
    read = [ours(text, options) for text in texts]
    differing = [
        (text, one, other)
        for text, one in zip(texts, read, strict=True)
        if one != (other := restated(text, options))
    ]
    assert differing == []
    assert len(set(read)) > len(options)  # every letter and nothing were read


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("(b) it is", "B"), ("Both", "B"), ("the answer is A", "T"), ("", None), ("7", None),
    ],
)  # fmt: skip
def test_the_first_letter_of_all_is_taken_for_the_option(text: str, letter: str | None) -> None:
    assert leading_letter(text, PLAIN) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("", "A"), ("I see a Cat", "C"), ("Best answer: D", "B"), ("The answer is D", "D"),
        ("green", "B"), ("nothing that is in this long list of words to choose from", None),
    ],
)  # fmt: skip
def test_real_worlds_oddities_are_kept(text: str, letter: str | None) -> None:
    assert real_world_letter(text, FULL) == letter


@pytest.mark.parametrize(
    ("text", "answer"),
    [("a dog, so B", "A"), ("option b, not A", "B"), ("BA", None), ("no A", "A"), ("", None)],
)
def test_the_first_of_two_words_is_taken(text: str, answer: str | None) -> None:
    assert first_of_two(text, "A", "B") == answer


def test_first_of_two_agrees_with_the_rule_restated() -> None:
    """The authors compare where the two first stand as words, in any case; -1 is nowhere."""
    for one, other in (("yes", "no"), ("A", "B")):
        for text in answers(PLAIN, 5000, seed=3):
            words = [w.lower() for w in re.findall(r"\w+", text)]
            found = [w for w in words if w in (one.lower(), other.lower())]
            expected = None if not found else one if found[0] == one.lower() else other
            assert first_of_two(text, one, other) == expected
