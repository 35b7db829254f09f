"""Letters of options by the rules of single benchmarks' own scripts; common ones: `letters.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lvlm_eval.answers.letters import Options

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


_STRIPPED = ",.!?;:'"


def _framed(text: str) -> str:
    """The text between blanks, each mark stripped from its ends once, in order."""
    for mark in _STRIPPED:
        text = text.strip(mark)
    return f" {text} "


def mmmu_pro_letter(text: str, options: Options) -> str | None:
    """MMMU-Pro's authors: the only letter behind the last "Answer:", else as MMMU's script reads.

    (A), then "A ", then "A." anywhere; in more than five words an option's text; of several the
    last. Where the script guesses, there is none.
    """
    behind = text.rpartition("Answer:")
    named = [letter for letter in options if letter in behind[2]] if behind[1] else []
    if len(named) == 1:
        return named[0]
    return _last_said(_framed(text), options, ("({})", "{} ", "{}."))


def muirbench_letter(text: str, options: Options) -> str | None:
    """MuirBench's authors: (A), else a letter between blanks, else an option's text."""
    return _last_said(_framed(text), options, ("({})", " {} "))


def _last_said(text: str, options: Options, forms: Sequence[str]) -> str | None:
    """By the first form in which any letter occurs; without one, by the options' texts."""
    for form in forms:
        found = [letter for letter in options if form.format(letter) in text]
        if found:
            # of letters without brackets the script looks for the last between blanks
            place = form if form == "({})" else " {} "
            return _last(text, {letter: place.format(letter) for letter in found})
    if len(text.split()) <= 5:
        return None
    lowered = {letter: option.lower() for letter, option in options.items()}
    said = {letter: option for letter, option in lowered.items() if option in text.lower()}
    return _last(text.lower(), said) if said else None


def _last(text: str, forms: Mapping[str, str]) -> str:
    """The letter whose form occurs last; the first of those that do not occur."""
    return max(forms, key=lambda letter: text.rfind(forms[letter]))
