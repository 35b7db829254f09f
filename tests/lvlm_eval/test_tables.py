"""Tables as text: what is printed, how it fits, and what it survives."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.schema import Cell, Table
from lvlm_eval.tables import escape, figure, interval, markdown, render, to_json

SMALL = Table(
    "Leaderboard",
    ("demo", "demo (blind)"),
    ("pope", "mme"),
    {
        ("demo", "pope"): Cell(85.12, 80.25, 90.34, n=300),
        ("demo", "mme"): Cell(612.345, 570.0, 655.5, note="partial: 40 of 80 questions asked"),
        ("demo (blind)", "pope"): Cell(None),
    },
    notes=("the last line",),
    about={"pope": "f1_mean\ncertified"},
)


def test_piped_text_is_aligned_and_has_nothing_but_text() -> None:
    assert render(SMALL) == (
        "Leaderboard\n"
        "                           pope\n"
        "                        f1_mean\n"
        "model                 certified                      mme\n"
        "demo          85.1 [80.2, 90.3]  612.3 [570.0, 655.5] ^1\n"
        "demo (blind)                  -\n"
        "^1 partial: 40 of 80 questions asked\n"
        "the last line\n"
    )


def test_markdown_is_a_table_with_notes() -> None:
    assert markdown(SMALL) == (
        "## Leaderboard\n"
        "\n"
        "| model | pope<br>f1_mean<br>certified | mme |\n"
        "| --- | ---: | ---: |\n"
        "| demo | 85.1 [80.2, 90.3] | 612.3 [570.0, 655.5] ^1 |\n"
        "| demo (blind) | - |  |\n"
        "\n"
        "- ^1 partial: 40 of 80 questions asked\n"
        "- the last line\n"
    )


@pytest.mark.parametrize("width", [30, 48, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, render(SMALL, width).split("\n"))) <= width


def test_a_table_too_wide_is_cut_between_columns_and_names_its_rows_again() -> None:
    wide = Table("", ("demo",), tuple("abcdef"), {("demo", c): Cell(612.345) for c in "abcdef"})
    text = render(wide, 30)
    assert text.count("demo") > 1
    assert text.count("612.3") == 6


def test_a_table_that_fits_stays_in_one_piece() -> None:
    assert render(SMALL, 80).count("demo (blind)") == 1


def test_long_words_are_folded_and_not_lost() -> None:
    why = "every word of this reason must be read by somebody"
    table = Table("t", ("scorer",), ("why",), {("scorer", "why"): Cell(None, text=why)})
    assert set(why.split()) <= set(render(table, 30).split())
    assert why in render(table)


def test_equal_notes_share_a_number() -> None:
    cells = {("r", c): Cell(1.0, note="same" if c != "c" else "other") for c in "abc"}
    text = render(Table("t", ("r",), ("a", "b", "c"), cells))
    assert text.count("^1") == 3
    assert text.count("^2") == 2


def test_names_are_no_markup() -> None:
    table = Table("[red]t", ("[bold]m", ":smile:"), ("c",), {("[bold]m", "c"): Cell(1.0)})
    assert all(name in render(table) for name in ("[red]t", "[bold]m", ":smile:"))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_no_name_breaks_a_markdown_table(name: str) -> None:
    table = Table("t", (name,), ("c",), {(name, "c"): Cell(1.0, text=name, note=name)})
    lines = [line for line in markdown(table).split("\n") if line.startswith("|")]
    assert len(lines) == 3
    assert lines[2].replace("\\\\", "").replace("\\|", "").count("|") == 3


def test_what_markdown_reads_as_structure_is_made_plain() -> None:
    assert escape("a|b\n*c* `d` <e> [f](g) \\") == r"a\|b \*c\* \`d\` \<e> [f\](g) " + "\\\\"


def test_an_interval_needs_no_escape_but_no_link_survives() -> None:
    assert escape("85.1 [80.2, 90.3]") == "85.1 [80.2, 90.3]"
    assert escape("[a][b] [c]: http") == r"[a\][b] [c\]: http"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"), (85.16, "85.2"), (0.0, "0.0"), (-0.0, "0.0"), (0.04, "0.04"),
        (0.0151, "0.015"), (-0.0151, "-0.015"), (0.25, "0.2"), (1510.72, "1510.7"),
    ],
)  # fmt: skip
def test_a_figure_has_one_decimal_unless_that_shows_nothing(value: float, text: str) -> None:
    assert figure(value) == text


def test_an_interval_that_is_not_known_is_not_shown() -> None:
    assert interval(1.0, 2.25) == "[1.0, 2.2]"
    assert interval(None, 2.25) == ""


def test_json_keeps_the_figures_unrounded() -> None:
    content = json.loads(json.dumps(to_json(SMALL)))
    assert content["rows"] == ["demo", "demo (blind)"]
    first = content["cells"][0]
    assert (first["row"], first["column"], first["value"]) == ("demo", "pope", 85.12)
