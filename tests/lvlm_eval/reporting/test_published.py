"""Quoted figures: complete, apart, with their meaning and source."""

from __future__ import annotations

from lvlm_eval.reporting.columns import known_columns
from lvlm_eval.reporting.published import published, published_table


def test_every_quoted_figure_has_a_meaning_and_a_source() -> None:
    quoted = published()
    assert set(quoted.columns) <= set(known_columns())
    for row in quoted.rows:
        assert set(row.figures) <= set(quoted.columns)
        assert row.source in quoted.sources


def test_only_columns_that_were_measured_are_quoted() -> None:
    table = published_table(["pope", "mme", "mine"])
    assert table is not None
    assert table.columns == ("activated", "POPE", "MME", "average of eight")
    assert table.about["POPE"] == "mean F1\nthree samplings, 8,910"
    cell = table.cells["MoE-LLaVA-2.7Bx4-Top2", "POPE"]
    assert (cell.value, cell.low, cell.source) == (86.3, None, "quoted")
    assert any("LLaVA's model zoo" in note for note in table.notes)


def test_a_figure_that_the_authors_do_not_give_is_a_dash() -> None:
    table = published_table(["seed_bench"])
    assert table is not None
    assert table.cells["MoE-LLaVA-2.7Bx4-Top2", "SEED"].text == "–"


def test_nothing_is_quoted_beside_bundled_data() -> None:
    assert published_table(["pope@demo"]) is None
    assert published_table(["mine"]) is None
