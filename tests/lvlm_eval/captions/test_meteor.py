"""METEOR from statistics that the tool printed, with the scores that it gave for them."""

import pytest

from lvlm_eval.captions.meteor import STATISTICS, meteor, read_statistics
from lvlm_eval.metrics import add_up

WHOLE = "2.0 2.0 1.0 1.0 1.0 1.0 1.0 1.0 0 0 0 0 0 0 0 0 0 0 0 0 1.0 2.0 2.0"
PART = "5.0 6.0 2.0 3.0 1.0 1.0 2.0 2.0 0 0 0 0 1.0 1.0 0 0 0 0 0 0 1.0 4.0 4.0"


def test_a_caption_that_equals_its_reference_is_perfect_and_has_no_chunk() -> None:
    assert read_statistics(WHOLE)["chunks"] == 0
    assert meteor(read_statistics(WHOLE)) == pytest.approx(1)


def test_a_part_by_hand() -> None:
    """Content words weigh 0.75, function words 0.25, a synonym 0.8."""
    precision = (0.75 * (1 + 0.8) + 0.25 * 2) / (0.75 * 3 + 0.25 * 2)
    recall = (0.75 * (1 + 0.8) + 0.25 * 2) / (0.75 * 3 + 0.25 * 3)
    mean = 1 / (0.15 / precision + 0.85 / recall)
    expected = mean * (1 - 0.6 * (1 / 4) ** 0.2)
    assert meteor(read_statistics(PART)) == pytest.approx(expected)


def test_statistics_of_segments_add_up() -> None:
    sums = add_up(map(read_statistics, (PART, WHOLE)))
    assert (sums["chunks"], sums["test_words"], sums["test_matches"]) == (1, 7, 6)
    assert meteor(read_statistics(PART)) < meteor(sums) < 1


def test_nothing_in_common_is_0() -> None:
    assert meteor(read_statistics(" ".join("5" if n < 2 else "0" for n in range(23)))) == 0
    assert meteor(dict.fromkeys(STATISTICS, 0.0)) == 0
