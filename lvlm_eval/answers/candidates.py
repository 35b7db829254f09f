"""MMMU's rule for open answers: the texts and numbers that an answer may mean, any of which counts.

From the authors' `eval_utils.py`, slips included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Candidate = str | float

_CUES = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_LAST_CUE = "="  # only in the last line
_MARKS = frozenset(":,.!?;'")
_NUMBERS = (
    re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b"),  # 1,200
    re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+"),  # 6.02e23
    re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])"),  # also 200 of 1,200
)


def open_candidates(text: str) -> list[Candidate]:
    """The tails after cue words, or the whole text, and all numbers in them, normalised.

    The text is lower-cased first, so that its split at sentences, which looks for a capital, never
    happens: only lines are looked at one by one.
    """
    tails = _tails(text.strip().strip(".").lower())
    numbers = [n for tail in tails for pattern in _NUMBERS for n in pattern.findall(tail)]
    return [one for found in (*tails, *numbers) for one in normalised(found)]


def _tails(text: str) -> list[str]:
    lines = text.split("\n")
    found = []
    for number, line in enumerate(lines, start=1):
        tail = _shortest_tail(line, (*_CUES, _LAST_CUE) if number == len(lines) else _CUES)
        if tail and tail not in _MARKS:
            found.append(tail)
    return found or [text]


def _shortest_tail(line: str, cues: Sequence[str]) -> str:
    """What follows the last of a cue, the shortest of all cues'.

    An empty tail is replaced by the next cue's, however long that is.
    """
    shortest = ""
    for cue in cues:
        if cue in line:
            tail = line.rpartition(cue)[2].strip()
            if not shortest or len(tail) < len(shortest):
                shortest = tail
    return shortest


def normalised(text: str) -> list[Candidate]:
    """A number to two decimals; other text lower-cased, one character with a blank on each side."""
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        lowered = text.lower()
    return [f" {lowered}", f"{lowered} "] if len(lowered) == 1 else [lowered]


def any_matches(candidates: Iterable[Candidate], accepted: Sequence[Candidate]) -> bool:
    """Whether an accepted text is in a candidate, or an accepted number equals one."""
    return any(
        any(isinstance(right, str) and right in one for right in accepted)
        if isinstance(one, str)
        else one in accepted
        for one in candidates
    )
