"""Edit distance, and the option that comes closest."""

import pytest

from lvlm_eval.answers.nearest import edit_distance, nearest


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2), ("über", "uber", 1)],
)
def test_distance_counts_what_must_be_changed(one: str, other: str, distance: int) -> None:
    assert edit_distance(one, other) == edit_distance(other, one) == distance


def test_the_first_of_equally_near_options_is_taken_also_by_an_empty_text() -> None:
    assert nearest("cat", ["dog", "bat", "car"]) == "bat"
    assert nearest("", ["four", "six", "two"]) == "six"
