"""Yes or no out of text, by the exact rule of each published scorer, oddities included."""

from __future__ import annotations

import re
import unicodedata

from lvlm_eval.answers.phrases import VLMEVALKIT, strip_marks

# Chinese has no blanks between words, so its yes and no count only where the answer begins.
_WHOLE_WORD = re.compile(
    r"(?<![A-Za-z0-9_])(yes|no)(?![A-Za-z0-9_])"
    r"|\A\W*(?:(不是|不对|没有|错|否)|(是|对|有|正确))",
    re.IGNORECASE,
)


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
    """The first whole word yes or no, in any case; the lenient reading shown beside strict ones.

    Full-width letters and punctuation, bold and brackets do not matter; 是 and 否 count as well.
    """
    found = _WHOLE_WORD.search(unicodedata.normalize("NFKC", text))
    if found is None:
        return None
    return found[1].lower() if found[1] else "no" if found[2] else "yes"


def only_yes_or_no(text: str) -> str | None:
    """VLMEvalKit's `YOrN_Extraction`: whichever of the two occurs as a word, None if both do."""
    words = set(strip_marks(text.lower(), VLMEVALKIT).split())
    found = words & {"yes", "no"}
    return found.pop() if len(found) == 1 else None
