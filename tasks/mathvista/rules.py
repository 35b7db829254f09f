"""The authors' rules: what an answer says (`extract`), and how it is compared (`normalise`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase

from lvlm_eval import facts
from lvlm_eval.answers.nearest import nearest
from lvlm_eval.answers.numbers import decimal, integer, rounded, whole
from lvlm_eval.schema import Sample

_QUOTED = re.compile(r'The answer is "(.*)"\.')
_LETTER = re.compile(r"\(([a-zA-Z])\)")


def extract(text: str, sample: Sample) -> str | None:
    """What the rules read out of an answer; None where a language model would be asked."""
    if text == "" or text in facts.texts(sample, "choices"):
        return text
    kind = facts.text(sample, "answer_type")
    number = {"integer": integer, "float": decimal}.get(kind or "")
    found = number(text) if number else None
    quoted = _QUOTED.search(text)
    return found or (quoted[1] if quoted else None)


def normalise(text: str, sample: Sample) -> str | None:
    """The text in the form of the target: an option, a number, or as it is; None if it has none.

    Whatever the text, some option is nearest to it: also to an empty one.
    """
    choices = facts.texts(sample, "choices")
    if choices:
        return _option(text.strip(), choices)
    kind = facts.text(sample, "answer_type")
    if kind == "integer":
        return whole(text)
    if kind == "float":
        precision = sample.facts["precision"]
        return None if precision is None else rounded(text, facts.number(sample, "precision"))
    return text


def _option(text: str, choices: Sequence[str]) -> str:
    letter = _LETTER.search(text)
    text = letter[1].upper() if letter else text
    by_letter = dict(zip(ascii_uppercase, choices, strict=False))
    return by_letter[text] if text in by_letter else nearest(text, choices)
