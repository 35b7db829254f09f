"""Phrases as the VQA evaluators compare them: punctuation, numbers, articles, contractions."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class MarkRules:
    """In what the copies of the VQA evaluator's punctuation step differ.

    comma:  where it matches, every mark of the text is deleted (meant for 1,000).
    period: what is deleted at the end, at most 32 times.
    """

    comma: re.Pattern[str]
    period: re.Pattern[str]


# The official code runs under Python 2, where \d is ASCII only. Its look-behind for a digit
# before the period is misspelt and never rejects, so only the digit after it counts.
VQA_OFFICIAL = MarkRules(re.compile(r"[0-9],[0-9]"), re.compile(r"\.(?![0-9])"))
EVAL_AI = MarkRules(re.compile(r"\d,+(?=\d)"), re.compile(r"\.(?!\d)"))
VLMEVALKIT = MarkRules(re.compile(r"\d,\d"), re.compile(r"(?<!\d)\.(?!\d)"))
VIZWIZ = MarkRules(VLMEVALKIT.comma, EVAL_AI.period)

MEMORY = 1 << 16  # texts whose reading is remembered: people repeat each other

# re.UNICODE has the value 32 and is passed where `re.sub` takes the count.
_PERIOD_LIMIT = 32
_MARKS = tuple(';/[]"{}()=+\\_-><@`,?!')


def strip_marks(text: str, rules: MarkRules = VQA_OFFICIAL) -> str:
    """The punctuation step: a mark next to a space goes, elsewhere it becomes a space.

    Whether a mark is next to a space is asked of the text as it came, not as it has become.
    """
    delete_all = rules.comma.search(text) is not None
    stripped = text
    for mark in _MARKS:
        if mark in text:
            delete = delete_all or f"{mark} " in text or f" {mark}" in text
            stripped = stripped.replace(mark, "" if delete else " ")
    return rules.period.sub("", stripped, count=_PERIOD_LIMIT)


def normalise_words(text: str, contractions: Mapping[str, str] | None = None) -> str:
    """The word step: lower case, number words to digits, no articles, contractions spelt out.

    Numbers are looked up first, so "one" is 1 but the article test sees the digits.
    """
    spelt = CONTRACTIONS if contractions is None else contractions
    words = (_NUMBERS.get(word, word) for word in text.lower().split())
    return " ".join(spelt.get(word, word) for word in words if word not in _ARTICLES)


@lru_cache(maxsize=MEMORY)
def one_line(text: str) -> str:
    """Newlines and tabs as spaces, then stripped: what every copy of the evaluator does first."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def normalise_phrase(text: str, rules: MarkRules = VQA_OFFICIAL) -> str:
    """Both steps, for a text of one line."""
    return normalise_words(strip_marks(text, rules))


@lru_cache(maxsize=MEMORY)
def eval_ai_answer(text: str) -> str:
    """What LLaVA uploads for a VQA answer: the EvalAI answer processor of M4C."""
    lowered = text.lower().replace(",", "").replace("?", "").replace("'s", " 's")
    return normalise_phrase(one_line(lowered), EVAL_AI)


@lru_cache(maxsize=MEMORY)
def vizwiz_answer(text: str) -> str:
    """An answer as the VizWiz evaluator compares it with the annotators' unprocessed ones.

    Its table writes most apostrophes typographically: "dont" becomes a word that no annotator
    typed.
    """
    return normalise_words(strip_marks(one_line(text), VIZWIZ), VIZWIZ_CONTRACTIONS)


def as_compared(answer: str, annotators: Sequence[str]) -> tuple[str, list[str]]:
    """An answer and the annotators' as the official VQA evaluator compares them.

    Where all annotators agree to the letter nothing is normalised: comparison is exact.
    """
    given = set(annotators)
    read = one_line if len(given) == 1 or len(set(map(one_line, given))) == 1 else _normal
    return read(answer), list(map(read, annotators))


@lru_cache(maxsize=MEMORY)
def _normal(text: str) -> str:
    return normalise_phrase(one_line(text))


_NUMBERS: Mapping[str, str] = {
    word: str(value)
    for value, words in enumerate(
        ["none zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
    for word in words.split()
}
_ARTICLES = frozenset(("a", "an", "the"))

# The evaluator's table by ending. What is absent is absent on purpose: "id", "ill", "its",
# "lets", "shed", "shes", "well" and the like are words, or were never in it.
_ENDINGS: Mapping[str, str] = {
    "n't": "ai are ca could did does do had has have is might must need ought sha should was "
    "were wo would",
    "'ve": "could might must not should they we what where who would you",
    "'d": "he how it someone something there they where who you",
    "'ll": "how it somebody someone something they what who why you y'all",
    "'s": "he how somebody someone that there what when where who why",
    "'re": "there they what why you",
    "n't've": "could had might should would",
    "'d've": "he it she somebody someone something there they we who you y'all",
}
_SINGLE = ("ma'am", "o'clock", "'twas", "y'all", "'ow's'at")
_TURNED_ROUND = {"somebody'd": "somebodyd"}  # the table's own slip; both sides go through it


def _misspelt(word: str) -> Iterator[str]:
    """The word with one of its apostrophes missing."""
    for at in (place for place, letter in enumerate(word) if letter == "'"):
        yield word[:at] + word[at + 1 :]


def _contractions() -> dict[str, str]:
    built = (stem + ending for ending, stems in _ENDINGS.items() for stem in stems.split())
    spelt = itertools.chain(built, _SINGLE)
    return {wrong: right for right in spelt for wrong in _misspelt(right)} | _TURNED_ROUND


CONTRACTIONS: Mapping[str, str] = _contractions()

# What VizWiz's copy of the table left with straight apostrophes: the values of these, and the
# keys of those.
_STRAIGHT_VALUES = frozenset(
    ("aint", "arent", "cant", "couldve", "couldnt", "weve", "wheres", "whove")
)
_STRAIGHT_KEYS = frozenset(("couldn'tve", "hadn'tve"))


def _typographic(text: str) -> str:
    return text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")


VIZWIZ_CONTRACTIONS: Mapping[str, str] = {
    (wrong if wrong in _STRAIGHT_KEYS else _typographic(wrong)): (
        right if wrong in _STRAIGHT_VALUES else _typographic(right)
    )
    for wrong, right in CONTRACTIONS.items()
}
