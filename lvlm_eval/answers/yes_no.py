"""Yes or no out of text, by the exact rule of each published scorer, oddities included."""

from __future__ import annotations

import re

from lvlm_eval.answers.phrases import VLMEVALKIT, strip_marks

_WHOLE_WORD = re.compile(r"\b(yes|no)\b", re.IGNORECASE)


def yes_no_in_first_sentence(text: str) -> str:
    """POPE's `evaluate.py`: "no" if the first sentence has the word No, no or not, else "yes".

    Neither stripped nor lower-cased: empty text, "NO" and "no!" are all "yes".
    """
    first_sentence = text.partition(".")[0].replace(",", "")
    return "no" if {"No", "not", "no"} & set(first_sentence.split(" ")) else "yes"


def yes_no_in_four_characters(text: str) -> str | None:
    """MME's `calculation.py`: "yes" or else "no" anywhere in the first four characters.

    Not stripped, so "none" and "- no" are "no", and two spaces before "yes" hide it.
    """
    start = text.lower()[:4]
    return next((word for word in ("yes", "no") if word in start), None)


def first_yes_no(text: str) -> str | None:
    """The first whole word yes or no, in any case; the lenient reading shown beside strict ones."""
    found = _WHOLE_WORD.search(text)
    return found[1].lower() if found else None


def only_yes_or_no(text: str) -> str | None:
    """VLMEvalKit's `YOrN_Extraction`: whichever of the two occurs as a word, None if both do."""
    words = set(strip_marks(text.lower(), VLMEVALKIT).split())
    found = words & {"yes", "no"}
    return found.pop() if len(found) == 1 else None
