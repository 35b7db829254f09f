"""From stored runs to tables: rows, columns, refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from lvlm_eval.errors import NotComparable, UsageError
from lvlm_eval.reporting.board import Options, leaderboards
from lvlm_eval.reporting.breakdowns import details, differences, run_table
from lvlm_eval.reporting.results import find
from lvlm_eval.schema import Decoding, Estimate, Summary, Table
from lvlm_eval.store import RunStore

MakeRun = Callable[..., RunStore]


def leaderboard(stores: Sequence[RunStore], metric: str = "headline") -> list[Table]:
    return leaderboards(find(stores), Options(metric))


def details_of(stores: Sequence[RunStore]) -> list[Table]:
    return details(find(stores))


def differences_of(stores: Sequence[RunStore]) -> list[Table]:
    return differences(find(stores))


def test_rows_are_models_and_columns_are_tasks(
    make_run: MakeRun, pope: Summary, mme: Summary
) -> None:
    stores = [make_run(mme, model="other", weights="b"), make_run(pope, mme)]
    (table,) = leaderboard(stores)
    assert table.rows == ("demo", "other")
    assert table.columns == ("pope@demo", "mme@demo")
    assert table.cells["other", "mme@demo"].value == 612.345
    assert table.cells["demo", "pope@demo"].value == pytest.approx(85.12)
    assert table.cells["other", "pope@demo"].note == "not asked"


def test_a_column_says_its_metric_how_it_is_proven_and_on_how_many(
    make_run: MakeRun, pope: Summary
) -> None:
    (table,) = leaderboard([make_run(pope)])
    assert table.about == {"pope@demo": "f1_mean\ncertified, n 291"}


def test_a_column_of_unequal_counts_says_from_what_to_what(
    make_run: MakeRun, pope: Summary
) -> None:
    more = replace(pope, n=300, failed=0)
    (table,) = leaderboard([make_run(pope), make_run(more, model="other")])
    assert table.about["pope@demo"].endswith("n 291 to 300")


def test_bundled_data_never_stand_with_real_ones(make_run: MakeRun, pope: Summary) -> None:
    real = replace(pope, task="pope")
    tables = leaderboard([make_run(pope, real, data_digest="d0")])
    assert [(table.title, table.columns) for table in tables] == [
        ("Leaderboard", ("pope",)),
        ("Leaderboard (demo data)", ("pope@demo",)),
    ]


def test_a_mode_stands_in_the_row_s_name_and_may_differ(make_run: MakeRun, pope: Summary) -> None:
    stores = [make_run(pope, mode="mismatched"), make_run(pope, mode="blind"), make_run(pope)]
    (table,) = leaderboard(stores)
    assert table.rows == ("demo", "demo (blind)", "demo (mismatched)")


def test_the_order_in_which_runs_are_given_does_not_matter(
    make_run: MakeRun, pope: Summary, mme: Summary
) -> None:
    stores = [make_run(pope, weights="a"), make_run(pope, mme, weights="b"), make_run(mme)]
    assert leaderboard(stores) == leaderboard(stores[::-1])


def test_a_run_given_twice_counts_once(make_run: MakeRun, pope: Summary) -> None:
    store = make_run(pope)
    assert leaderboard([store, store]) == leaderboard([store])


def test_copies_of_a_run_in_two_folders_are_refused(make_run: MakeRun, pope: Summary) -> None:
    stores = [make_run(pope), make_run(pope, results="elsewhere")]
    with pytest.raises(UsageError, match=r"elsewhere.* hold the same run"):
        leaderboard(stores)


@pytest.mark.parametrize("tables_of", [leaderboard, details_of, differences_of])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"data_digest": "d1"}, "data digest is d0"),
        ({"prompt_digest": "p1"}, "prompt digest is p0"),
        ({"decoding": Decoding(max_new_tokens=16)}, "max_new_tokens is 128"),
        ({"judge": "gpt"}, "judge is none"),
    ],
)
def test_rows_that_are_not_comparable_are_refused_and_the_difference_named(
    make_run: MakeRun,
    pope: Summary,
    tables_of: Callable[[list[RunStore]], object],
    change: dict[str, object],
    named: str,
) -> None:
    stores = [make_run(pope), make_run(pope, model="other", **change)]
    with pytest.raises(NotComparable, match=f"pope@demo: demo and other .*{named}"):
        tables_of(stores)


def test_a_raised_task_version_is_refused(make_run: MakeRun, pope: Summary) -> None:
    stores = [make_run(pope), make_run(replace(pope, version=2), model="other")]
    with pytest.raises(NotComparable, match="task version is 1 for the one and 2"):
        leaderboard(stores)


def test_other_data_of_another_column_do_not_matter(
    make_run: MakeRun, pope: Summary, mme: Summary
) -> None:
    stores = [make_run(pope), make_run(mme, model="other", data_digest="d1")]
    assert leaderboard(stores)[0].rows == ("demo", "other")


def test_the_lenient_board_leaves_out_tasks_without_and_names_them(
    make_run: MakeRun, pope: Summary, mme: Summary
) -> None:
    (table,) = leaderboard([make_run(pope, mme)], "lenient")
    assert table.columns == ("mme@demo",)
    assert table.cells["demo", "mme@demo"].value == 640.0
    assert table.about["mme@demo"].startswith("lenient/perception\n")
    assert table.notes == ("without lenient, so left out: pope@demo",)


def test_a_metric_that_no_task_has_is_refused(make_run: MakeRun, pope: Summary) -> None:
    with pytest.raises(UsageError, match="'bleu'"):
        leaderboard([make_run(pope)], "bleu")


def test_a_task_whose_answers_all_failed_has_a_row_without_value(
    make_run: MakeRun, pope: Summary
) -> None:
    (table,) = leaderboard([make_run(replace(pope, metrics={}, variants={}, n=0, failed=300))])
    cell = table.cells["demo", "pope@demo"]
    assert cell.value is None
    assert "300 of 300 answers failed" in cell.note


def test_nothing_marked_is_an_error(make_run: MakeRun) -> None:
    with pytest.raises(UsageError, match="no marked results"):
        leaderboard([make_run()])
    with pytest.raises(UsageError, match="no marked results"):
        leaderboard([])


def test_details_show_what_the_task_wants_shown(
    make_run: MakeRun, pope: Summary, mme: Summary
) -> None:
    second, first = details_of([make_run(pope, mme)])
    assert (first.title, first.columns) == (
        "mme@demo: details",
        ("existence/score", "landmark/score"),
    )
    assert first.cells["demo", "existence/score"].value == 195.0
    assert first.cells["demo", "landmark/score"].value is None
    assert second.cells["demo", "random/accuracy"].value == pytest.approx(70.0)


def test_other_scorers_stand_below_the_headline_with_their_reason(
    make_run: MakeRun, pope: Summary, mme: Summary
) -> None:
    other = replace(pope, variants={"lmms_eval": Estimate(86.0, 80.0, 91.0)})
    (table,) = differences_of([make_run(pope, mme), make_run(other, model="other")])
    assert table.rows == ("headline (f1_mean)", "lmms_eval")
    assert table.columns == ("demo", "other", "why")
    assert table.cells["lmms_eval", "demo"].text == "84.0 (-1.1)"
    assert table.cells["lmms_eval", "other"].text == "86.0 (+0.9)"
    assert table.cells["lmms_eval", "why"].text == "only a bare yes or no is an answer"


def test_a_run_ends_with_a_line_a_task(make_run: MakeRun, pope: Summary, mme: Summary) -> None:
    store = make_run(pope, replace(mme, unjudged=10, cut=5), mode="blind", seconds=12.34)
    table = run_table(store)
    assert table.title == f"demo (blind), run {store.run_id}"
    assert table.rows == ("mme@demo", "pope@demo")
    row = {name: table.cells["pope@demo", name] for name in table.columns}
    assert row["metric"].text == "f1_mean"
    assert (row["value"].text, row["95 % interval"].text) == ("85.1", "[80.2, 90.3]")
    assert (row["n"].text, row["failed"].text) == ("291", "9")
    assert row["unparsed %"].value == pytest.approx(100 * 12 / 291)
    assert row["seconds"].value == 12.34
    assert table.cells["mme@demo", "cut off %"].value == 10.0


def test_a_task_asked_but_not_marked_yet_says_so(make_run: MakeRun, pope: Summary) -> None:
    store = make_run(pope)
    (store.task("pope@demo").folder / "summary.json").unlink()
    table = run_table(store)
    assert table.cells["pope@demo", "metric"].text == "not marked yet"
