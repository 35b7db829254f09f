"""Letters of options by the rules of single benchmarks' own scripts; common ones: `letters.py`."""

from __future__ import annotations

import re

from lvlm_eval.answers.letters import Options, letter_of_mmmu, letter_of_mmmu_in_lmms_eval

_LEADING = re.compile(r"[(\s]*([A-Z])", re.IGNORECASE)


def leading_letter(text: str, options: Options) -> str | None:
    """lmms-eval on BLINK and EmbSpatial: the first letter, brackets before it left out.

    Any word begins with a letter: "Both" is B.
    """
    found = _LEADING.match(text.strip())
    return found[1].upper() if found else None


_KEYWORDS = ("answer is", "answer is:", "answer:")


def cambrian_letter(text: str, options: Options) -> str | None:
    """CV-Bench's authors: the first character behind the last "answer is", brackets left out."""
    text = text.lower().strip()
    for keyword in _KEYWORDS:
        text = text.rpartition(keyword)[2]
    return text.strip().rstrip(".").lstrip("(").rstrip(")")[:1].upper() or None


# The authors' list lacks two commas, so that its last four phrases are two that nobody says.
_PREFIXES = (
    "The best answer is", "The correct answer is", "The answer is", "The answer",
    "The best option isThe correct option is", "Best answer:Best option:",
)  # fmt: skip


def real_world_letter(text: str, options: Options) -> str | None:
    """MME-RealWorld's authors: the first of the capitals A to E, wherever it stands.

    Without one, up to ten words that an option contains: nothing at all is in the first.
    """
    text = text.strip()
    for prefix in _PREFIXES:
        text = text.replace(prefix, "")
    found = re.search("[ABCDE]", text)
    if found or len(text.split()) > 10:
        return found[0] if found else None
    return next((key for key, option in options.items() if text.lower() in option.lower()), None)


def first_of_two(text: str, one: str, other: str) -> str | None:
    """NaturalBench's authors: whichever of two words comes first, in any case; "a dog" is A."""
    places = {word: re.search(rf"\b{word}\b", text, re.IGNORECASE) for word in (one, other)}
    found = {word: match.start() for word, match in places.items() if match}
    return min(found, key=found.__getitem__) if found else None


def mmmu_pro_letter(text: str, options: Options) -> str | None:
    """MMMU-Pro's authors: the only letter behind the last "Answer:", else as lmms-eval's copy of
    MMMU's script. Where the script guesses, there is none.
    """
    behind = text.rpartition("Answer:")
    named = [letter for letter in options if letter in behind[2]] if behind[1] else []
    if len(named) == 1:
        return named[0]
    return letter_of_mmmu_in_lmms_eval(text, options)


def muirbench_letter(text: str, options: Options) -> str | None:
    """MuirBench's authors: as MMMU's script."""
    return letter_of_mmmu(text, options)
