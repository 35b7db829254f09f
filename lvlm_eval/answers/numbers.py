"""Reading numbers out of text, as the published scorers write them down for comparison.

All take what Python takes for a number: white space around it, exponents, underscores, nan.
"""

from __future__ import annotations


def whole(text: str) -> str | None:
    """The number with what stands behind its point cut off: "7.9" is 7; None if it is none."""
    try:
        return str(int(float(text)))
    except (ValueError, OverflowError):
        return None


def rounded(text: str, places: int) -> str | None:
    """The number with so many decimals, as Python prints it: "4.50" with two is 4.5."""
    try:
        return str(round(float(text), places))
    except ValueError:
        return None


def integer(text: str) -> str | None:
    """The text as an integer; None where it is written as anything else."""
    try:
        return str(int(text))
    except ValueError:
        return None


def decimal(text: str) -> str | None:
    """The text as a number with a point: "16.90" is 16.9, "3" is 3.0."""
    try:
        return str(float(text))
    except ValueError:
        return None
