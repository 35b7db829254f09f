"""The leaderboard: no silent hole, no unlike figures side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lvlm_eval.errors import NotComparable, UsageError
from lvlm_eval.reporting.board import EIGHT, MEAN, Options, leaderboards
from lvlm_eval.reporting.results import find
from lvlm_eval.schema import Estimate, Summary
from lvlm_eval.server_figures import ServerFigure, enter_server_figure
from lvlm_eval.store import RunStore

MakeRun = Callable[..., RunStore]
PAGE = "https://eval.ai/results"


def test_a_task_begun_and_not_marked_says_so_in_its_cell(
    make_run: MakeRun, pope: Summary, mme: Summary
) -> None:
    stores = [make_run(pope, mme), make_run(pope, model="other")]
    (stores[0].task("pope@demo").folder / "summary.json").unlink()
    found = find(stores)
    (table,) = leaderboards(found, Options())
    assert "not marked yet" in table.cells["demo", "pope@demo"].note
    assert table.cells["other", "mme@demo"].note == "not asked"
    assert [(one.row, one.label) for one in found.unfinished] == [("demo", "pope@demo")]


def test_a_run_with_nothing_marked_has_a_row_too(make_run: MakeRun, pope: Summary) -> None:
    stores = [make_run(pope), make_run(pope, model="other")]
    (stores[1].task("pope@demo").folder / "summary.json").unlink()
    (table,) = leaderboards(find(stores), Options())
    assert table.rows == ("demo", "other")


def test_only_unfinished_tasks_are_an_error_that_names_them(
    make_run: MakeRun, pope: Summary
) -> None:
    store = make_run(pope)
    (store.task("pope@demo").folder / "summary.json").unlink()
    with pytest.raises(UsageError, match="not marked yet: pope@demo of demo"):
        find([store])


def test_different_subsets_are_refused_unless_that_is_meant(
    make_run: MakeRun, pope: Summary
) -> None:
    some = replace(pope, asked=100, n=100, failed=0)
    found = find([make_run(pope), make_run(some, model="other")])
    with pytest.raises(NotComparable, match=r"asked 300 questions and other 100.*--allow limit"):
        leaderboards(found, Options())
    (table,) = leaderboards(found, Options(allowed=("limit",)))
    assert "partial: 100 of 300" in table.cells["other", "pope@demo"].note
    with pytest.raises(UsageError, match="can only allow limit"):
        leaderboards(found, Options(allowed=("data",)))


def test_a_server_s_figure_stands_where_there_is_no_own_one(
    make_run: MakeRun, pope: Summary
) -> None:
    unjudged = replace(pope, task="pope", metrics={}, variants={}, n=0, failed=0, unjudged=300)
    store = make_run(unjudged)
    enter_server_figure(
        store.task("pope").folder, ServerFigure("f1_mean", 86.5, PAGE, "2026-11-01")
    )
    (table,) = leaderboards(find([store]), Options())
    cell = table.cells["demo", "pope"]
    assert (cell.value, cell.low, cell.source) == (86.5, None, "server")
    assert table.about["pope"] == "f1_mean\nby the server"
    assert cell.note == f"server: 86.5 ({PAGE}, entered 2026-11-01); no interval"


def test_a_server_s_figure_beside_an_own_one_is_a_note(make_run: MakeRun, pope: Summary) -> None:
    store = make_run(pope)
    folder = store.task("pope@demo").folder
    enter_server_figure(folder, ServerFigure("f1_mean", 86.5, PAGE, "2026-11-01"))
    (table,) = leaderboards(find([store]), Options())
    cell = table.cells["demo", "pope@demo"]
    assert cell.value == pytest.approx(85.12)
    assert cell.source == "local"
    assert "the server gave 86.5" in cell.note


def test_a_judge_s_marks_are_called_that(make_run: MakeRun, pope: Summary) -> None:
    store = make_run(replace(pope, task="mm_vet"), replace(pope, task="gqa"), judge="gpt-4-0613")
    (table,) = leaderboards(find([store]), Options())
    assert table.cells["demo", "mm_vet"].source == "judge"
    assert "marked by judge gpt-4-0613" in table.cells["demo", "mm_vet"].note
    assert table.cells["demo", "gqa"].source == "local"


def test_the_mean_is_of_tasks_that_all_rows_have(
    make_run: MakeRun, pope: Summary, mme: Summary
) -> None:
    mme = replace(mme, best=2000.0)
    stores = [make_run(pope, mme), make_run(pope, mme, model="other")]
    (table,) = leaderboards(find(stores), Options())
    assert table.cells["demo", MEAN].value == pytest.approx((85.12 + 612.345 / 20) / 2)
    assert "normalised mean: of pope@demo, mme@demo / 20" in " ".join(table.notes)
    (table,) = leaderboards(find([*stores, make_run(pope, model="third")]), Options())
    assert MEAN not in table.columns


def test_moe_llava_s_average_is_a_dash_while_columns_are_missing(
    make_run: MakeRun, pope: Summary
) -> None:
    own = [replace(pope, task=name) for name in ("pope", "gqa", "textvqa")]
    (table,) = leaderboards(find([make_run(*own)]), Options())
    assert (table.cells["demo", EIGHT].value, table.cells["demo", EIGHT].text) == (None, "–")


def test_what_a_model_is_stands_before_its_figures(make_run: MakeRun, pope: Summary) -> None:
    facts = {"parameters": 5_612_345_678, "activated": 3_900_000_000, "image_size": 336}
    stores = [make_run(pope), make_run(pope, model="baseline:majority")]
    stores[0] = RunStore(stores[0].folder, stores[0].run, {"model": facts})
    (table,) = leaderboards(find(stores), Options())
    assert table.columns[:3] == ("parameters", "activated", "image")
    shown = [table.cells["demo", column].text for column in table.columns[:3]]
    assert shown == ["5.61B", "3.9B", "336"]
    assert table.cells["baseline:majority", "activated"].text == "–"


def test_a_task_of_one_question_has_no_interval_and_says_why(
    make_run: MakeRun, pope: Summary
) -> None:
    one = replace(pope, metrics={"f1_mean": Estimate(1.0, None, None)}, n=1, asked=1, failed=0)
    (table,) = leaderboards(find([make_run(one)]), Options())
    cell = table.cells["demo", "pope@demo"]
    assert (cell.value, cell.low) == (100.0, None)
    assert "no interval: the figure rests on a single cluster" in cell.note
