"""Numbers out of text."""

import pytest

from lvlm_eval.answers.numbers import decimal, integer, rounded, whole


@pytest.mark.parametrize(
    ("text", "number"),
    [(" 7.9\n", "7"), ("-7.9", "-7"), ("1e2", "100"), ("inf", None), ("nan", None), ("7°", None)],
)
def test_whole_cuts_off_what_stands_behind_the_point(text: str, number: str | None) -> None:
    assert whole(text) == number


def test_rounded_is_printed_as_python_does() -> None:
    assert [rounded(text, 2) for text in ("4.50", "2.675", "3", "x")] == [
        "4.5",
        "2.67",
        "3.0",
        None,
    ]


def test_an_integer_is_nothing_else() -> None:
    assert [integer(text) for text in (" 07 ", "7.0", "")] == ["7", None, None]
    assert [decimal(text) for text in ("16.90", "3", "3,0")] == ["16.9", "3.0", None]
