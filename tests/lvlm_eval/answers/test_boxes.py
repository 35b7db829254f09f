"""Boxes out of text, by the two published rules."""

import pytest

from lvlm_eval.answers.boxes import Box, box_of_any_numbers, bracketed_box


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("It is [0.1, 0.2,\n0.3,0.4] and [1, 1, 1, 1].", (0.1, 0.2, 0.3, 0.4)),
        ("[[ -1, 2, 3.50, 4 ]]", (-1, 2, 3.5, 4)),
        ("[0.1, 0.2] then [5, 6, 7, 8]", (5, 6, 7, 8)),
        ("[0.1 , 0.2 , 0.3 , 0.4]", None),
        ("[.5, .5, .9, .9]", None),
        ("[1e1, 0, 1, 1]", None),
        ("[1, 2, 3, 4, 5]", None),
        ("(1, 2, 3, 4)", None),
        ("", None),
    ],
)
def test_the_strict_rule_wants_four_plain_decimals_in_square_brackets(
    text: str, box: Box | None
) -> None:
    assert bracketed_box(text) == box


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("[.5 , +1 2e1, 3 ]", (0.5, 1, 20, 3)),
        ("1 2 3 4 but [5, 6, 7, 8]", (5, 6, 7, 8)),
        ("[1; 2; 3; 4]", (1, 2, 3, 4)),
        ("<box>(36,111),(229,510)</box>", (36, 111, 229, 510)),
        ("box 1 of 2: 3-4", (1, 2, 3, -4)),
        ("[1, 2, 3]", None),
    ],
)
def test_the_loose_rule_takes_any_four_numbers(text: str, box: Box | None) -> None:
    assert box_of_any_numbers(text) == box
