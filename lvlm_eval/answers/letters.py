"""Letters of options out of text, by the exact rule of each published scorer, oddities included.

`options` maps the letters that a question offers to their texts. Where a rule looks at fixed
letters instead, the docstring says which: a letter that is not offered is then read, and wrong.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

Options = Mapping[str, str]

_FIVE = "ABCDE"
_THE_ANSWER_IS = re.compile(r"The answer is ([A-Z]).")


def bare_letter(text: str, options: Options) -> str | None:
    """SEED-Bench's submission: the text as it is must be a letter; "A." and " A" are none."""
    return text if text in options else None


def first_character(text: str, options: Options) -> str | None:
    """lmms-eval on SEED-Bench: the first character, in upper case; "A dog" is A."""
    return text.strip()[:1].upper() or None


def science_letter(text: str, options: Options) -> str | None:
    """LLaVA's `eval_science_qa.py`: a bare letter of A to E, "B. " and what follows, or the one
    "The answer is X" of the text, case and all, with any character but a newline after it.
    """
    if len(text) == 1 and text in _FIVE:
        return text
    if text[:1] and text[0] in _FIVE and text[1:3] == ". ":
        return text[0]
    found = _THE_ANSWER_IS.findall(text)
    return str(found[0]) if len(found) == 1 else None


def science_letter_of_lmms_eval(text: str, options: Options) -> str | None:
    """A lone letter in any case, or an upper-case first letter followed by a period."""
    text = text.strip()
    if len(text) == 1:
        return text.upper()
    return text[0] if len(text) >= 2 and text[0].isupper() and text[1] == "." else None


_NO_MARKS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_ANSWER_IS = re.compile(r"(?:correct\s+)?answer\s+is\s+\**([ABCD])\**", re.IGNORECASE)
_NO_ANSWER = "Failed to obtain answer via API"
_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)


def letter_or_text(text: str, options: Options) -> str | None:
    """VLMEvalKit's `can_infer`: the only letter among the last four words, "answer is X", or the
    only option whose text occurs. "Z" is its word for a refusal.

    Where a letter stands is asked of its first occurrence. Texts of options count only in
    answers no longer than twice all of them together.
    """
    letter = None if _NO_ANSWER in text else _worded_letter(text, options)
    if letter is None and len(text.lower()) <= 2 * sum(map(len, options.values())):
        return _only_text(text, options)
    return letter


def _worded_letter(text: str, options: Options) -> str | None:
    if any(refusal in text for refusal in _REFUSALS):
        return "Z"
    words = text.translate(_NO_MARKS).split()
    present = [letter for letter in options if letter in words]
    if len(present) == 1 and words.index(present[0]) > len(words) - 5:
        return present[0]
    if not present and "Z" in words:
        return "Z"
    said = _ANSWER_IS.search(text)
    return said[1].upper() if said and said[1].upper() in options else None


def _only_text(text: str, options: Options) -> str | None:
    """The letter of the only option whose text occurs, in any case."""
    lowered = text.lower()
    found = [letter for letter, option in options.items() if option.lower() in lowered]
    return found[0] if len(found) == 1 else None


def lenient_letter(text: str, options: Options) -> str | None:
    """What a patient reader takes for the answer; stands beside strict rules, never for them.

    Full-width letters and punctuation, bold and brackets do not matter. Then in this order: a
    lone letter in any case; the last "answer is X"; a letter set off by a mark at the start; the
    only capital letter that stands alone; the only option whose text occurs.
    """
    plain = re.sub(r"[*_`$]|\\boxed|</?answer>", "", unicodedata.normalize("NFKC", text)).strip()
    lone = plain.strip(" ()[]{}<>.,:;!?。、'\"").upper()
    if lone in options:
        return lone
    for pattern in (_SAID, _AT_START):
        found = [m[1] for m in pattern.finditer(plain) if m[1] in options]
        if found:
            return found[-1]
    standing = {m[1] for m in _ALONE.finditer(plain) if m[1] in options}
    return standing.pop() if len(standing) == 1 else _only_text(plain, options)


_NO_ARTICLE = r"(?!(?<=A)\s+(?!or\b|and\b)[a-z])"  # "A dog" speaks of a dog
_SAID = re.compile(
    r"(?:(?i:answer|option|choice)(?i:\s+is|\s*:)?|(?:答案|选项?)(?:是|为|:)?)[\s(\[{]*"
    r"([A-Z])(?![A-Za-z])" + _NO_ARTICLE
)
_AT_START = re.compile(r"\A[(\[{]*([A-Z])(?:[)\]}.:,;。、]|\s*[-\n])")
_ALONE = re.compile(r"(?<![A-Za-z0-9'])([A-Z])(?![A-Za-z0-9'])" + _NO_ARTICLE)
