"""Words as NLTK 3.4.5 finds them: Punkt's sentences, then the Treebank's tokens.

For text in lower case only, as CHAIR has it. There Punkt reduces to this: a period ends a sentence
unless it belongs to an abbreviation, or to an initial or a number with a letter behind it. Of its
trained abbreviations the common ones are here; none of them names an object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_ABBREVIATED = """
mr mrs ms dr st jr sr vs inc co corp ltd ave fig prof gen gov sen rep lt col sgt capt rev jan
feb mar apr aug sept oct nov dec u.s u.k u.n a.m p.m d.c n.y l.a ph.d
"""
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_END = re.compile(r"[.?!][\"')\]}*]*(?=\s)")
_NUMBER = re.compile(r"-?[.,]?\d[\d,.-]*")

_QUOTES_BEFORE = (
    (r"([«“‘„]|[`]+)", r" \1 "), (r"^\"", r"``"), (r"(``)", r" \1 "),
    (r"([ \(\[{<])(\"|'{2})", r"\1 `` "), (r"'(?!re|ve|ll|m|t|s|d)(\w)\b", r"' \1"),
)  # fmt: skip
_MARKS = (
    (r"([^.])(\.)([\]\)}>\"'»”’ ]*)\s*$", r"\1 \2 \3 "), (r"([:,])([^\d])", r" \1 \2"),
    (r"([:,])$", r" \1 "), (r"\.\.\.", r" ... "), (r"[;@#$%&]", r" \g<0> "),
    (r"([^.])(\.)([\]\)}>\"']*)\s*$", r"\1 \2\3 "), (r"[?!]", r" \g<0> "),
    (r"([^'])' ", r"\1 ' "), (r"[\]\[(){}<>]", r" \g<0> "), (r"--", r" -- "),
)  # fmt: skip
_QUOTES_AFTER = (
    (r"([»”’])", r" \1 "), (r"\"", r" '' "), (r"(\S)('')", r"\1 \2 "),
    (r"([^' ])('s|'m|'d|') ", r"\1 \2 "), (r"([^' ])('ll|'re|'ve|n't) ", r"\1 \2 "),
    (r"\b(can)(not)\b", r" \1 \2 "), (r"\b(d)('ye)\b", r" \1 \2 "),
    (r"\b(gim|lem)(me)\b", r" \1 \2 "), (r"\b(gon)(na)\b", r" \1 \2 "),
    (r"\b(wan)(na)\s", r" \1 \2 "), (r"\b(got)(ta)\b", r" \1 \2 "),
    (r"\b(mor)('n)\b", r" \1 \2 "),
    (r" ('t)(is)\b", r" \1 \2 "), (r" ('t)(was)\b", r" \1 \2 "),
)  # fmt: skip
_BEFORE = tuple((re.compile(old), new) for old, new in _QUOTES_BEFORE + _MARKS)
_AFTER = tuple((re.compile(old), new) for old, new in _QUOTES_AFTER)


def tokens(text: str) -> list[str]:
    """The tokens of a text in lower case."""
    return [token for sentence in sentences(text) for token in _tokens_of(sentence)]


def sentences(text: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(text):
        words = text[start : end.start() + 1].split()
        if words and _ends(words[-1], text[end.end() :].lstrip()):
            yield text[start : end.end()]
            start = end.end()
    yield text[start:]


def _ends(word: str, after: str) -> bool:
    """Whether the mark behind a word ends a sentence, before such text."""
    if not word.endswith(".") or word == ".":
        return True
    stem = word.removesuffix(".")
    if stem.endswith(".") or {stem, stem.rpartition("-")[2]} & _ABBREVIATIONS:
        return False
    initial = len(stem) == 1 and stem.isalpha()
    return not ((initial or _NUMBER.fullmatch(stem)) and after[:1].isalpha())


def _tokens_of(sentence: str) -> list[str]:
    text = sentence.strip()
    for old, new in _BEFORE:
        text = old.sub(new, text)
    text = f" {text} "
    for old, new in _AFTER:
        text = old.sub(new, text)
    return text.split()
