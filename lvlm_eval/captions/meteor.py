"""METEOR 1.5 from the statistics that its aligner gives (Denkowski & Lavie 2014).

The alignment needs the tool's own tables and is `java.py`'s business. What follows is a function of
sums over segments, so METEOR has its interval like any other metric.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75  # tuned for English
STAGES = {"exact": 1.0, "stem": 0.6, "synonym": 0.8, "paraphrase": 0.6}

# The tool's order. A stage's matches are of content and function words, of either side.
_KINDS = ("test_content", "reference_content", "test_function", "reference_function")
STATISTICS = (
    "test_words", "reference_words", "test_function_words", "reference_function_words",
    *(f"{stage}_{kind}" for stage in STAGES for kind in _KINDS),
    "chunks", "test_matches", "reference_matches",
)  # fmt: skip


def read_statistics(line: str) -> dict[str, float]:
    """A segment's statistics by name, from the tool's line of numbers.

    A segment that equals its reference has one chunk, which does not count.
    """
    numbers = [float(number) for number in line.split()]
    found = dict(zip(STATISTICS, numbers, strict=True))
    whole = all(
        found[f"{side}_words"] == sum(_matches(found, side)) for side in ("test", "reference")
    )
    if whole and found["chunks"] == 1:
        found["chunks"] = 0.0
    return found


def meteor(sums: Mapping[str, float]) -> float:
    """METEOR of summed statistics, 0 to 1; 0 where nothing matches."""
    precision, recall = _share(sums, "test"), _share(sums, "reference")
    if not precision or not recall:
        return 0.0
    mean = 1 / ((1 - ALPHA) / precision + ALPHA / recall)
    pieces = sums["chunks"] / ((sums["test_matches"] + sums["reference_matches"]) / 2)
    return max(0.0, mean * (1 - GAMMA * math.pow(pieces, BETA)))


def _matches(sums: Mapping[str, float], side: str) -> Sequence[float]:
    return [sums[f"{stage}_{side}_{kind}"] for stage in STAGES for kind in ("content", "function")]


def _share(sums: Mapping[str, float], side: str) -> float:
    """Matched words of a side, content words and better matches weighing more."""
    function = sums[f"{side}_function_words"]
    length = DELTA * (sums[f"{side}_words"] - function) + (1 - DELTA) * function
    matched = sum(
        weight
        * (DELTA * sums[f"{stage}_{side}_content"] + (1 - DELTA) * sums[f"{stage}_{side}_function"])
        for stage, weight in STAGES.items()
    )
    return matched / length if length else 0.0
