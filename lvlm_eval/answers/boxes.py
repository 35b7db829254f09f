"""Reading boxes out of text: two corners as four numbers, in whatever frame the model used."""

from __future__ import annotations

import re
from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom

_PLAIN = r"(-?\d+(?:\.\d+)?)"
# White space after a comma is allowed, before it not.
_BRACKETED = re.compile(rf"\[\s*{_PLAIN},\s*{_PLAIN},\s*{_PLAIN},\s*{_PLAIN}\s*\]")

_NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"
_GAP = r"(?:\s*,\s*|\s+)"
_LOOSE = re.compile(rf"\[\s*({_NUMBER}){_GAP}({_NUMBER}){_GAP}({_NUMBER}){_GAP}({_NUMBER})\s*\]")
_ANY_NUMBER = re.compile(_NUMBER)


def bracketed_box(text: str) -> Box | None:
    """lmms-eval: the first `[a, b, c, d]` of four plain decimals, a comma after each but the last.

    Five numbers, round brackets and decimals without a leading zero are no box.
    """
    return _box(_BRACKETED.search(text))


def box_of_any_numbers(text: str) -> Box | None:
    """VLMEvalKit: the first four numbers in square brackets, else the first four anywhere."""
    found = _box(_LOOSE.search(text))
    if found is not None:
        return found
    numbers = _ANY_NUMBER.findall(text)
    if len(numbers) < 4:
        return None
    left, top, right, bottom = (float(number) for number in numbers[:4])
    return left, top, right, bottom


def _box(match: re.Match[str] | None) -> Box | None:
    if match is None:
        return None
    left, top, right, bottom = (float(number) for number in match.groups())
    return left, top, right, bottom
