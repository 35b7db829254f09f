"""The leaderboard's files: complete, unrounded, and all or none."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval.errors import NotComparable, UsageError
from lvlm_eval.reporting.board import Options
from lvlm_eval.reporting.files import make_report, write_report
from lvlm_eval.reporting.results import find
from lvlm_eval.schema import Estimate, Summary
from lvlm_eval.store import RunStore

MakeRun = Callable[..., RunStore]


def write_leaderboard(
    folder: Path, stores: list[RunStore], formats: tuple[str, ...] = ("md", "csv", "json")
) -> list[Path]:
    return write_report(folder, make_report(find(stores), Options()), formats)


def csv_rows(file: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    with file.open(newline="") as opened:
        return {(r["model"], r["task"], r["metric"]): r for r in csv.DictReader(opened)}


def test_three_files_are_written_and_named(
    make_run: MakeRun, pope: Summary, tmp_path: Path
) -> None:
    paths = write_leaderboard(tmp_path / "out", [make_run(pope)])
    assert [path.name for path in paths] == [
        "leaderboard.md",
        "leaderboard.csv",
        "leaderboard.json",
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        path.name for path in paths
    )


def test_the_csv_has_a_line_for_each_metric_in_full_precision(
    make_run: MakeRun, pope: Summary, mme: Summary, tmp_path: Path
) -> None:
    (path,) = write_leaderboard(tmp_path, [make_run(pope, mme)], formats=("csv",))
    rows = csv_rows(path)
    assert len(rows) == 5
    row = rows["demo", "mme@demo", "perception"]
    assert (row["value"], row["low"], row["high"]) == ("612.345", "570.0", "655.5")
    assert (row["headline"], row["assurance"], row["asked"]) == ("True", "checked", "40")
    row = rows["demo", "pope@demo", "random/accuracy"]
    assert float(row["value"]) == pytest.approx(70.0)
    assert (row["headline"], row["n"], row["unparsed"], row["cut"]) == ("False", "291", "12", "3")


def test_a_metric_without_value_is_an_empty_field(
    make_run: MakeRun, pope: Summary, tmp_path: Path
) -> None:
    failed = replace(pope, metrics={}, variants={}, n=0, failed=300)
    (path,) = write_leaderboard(tmp_path, [make_run(failed)], formats=("csv",))
    row = csv_rows(path)["demo", "pope@demo", "f1_mean"]
    assert (row["value"], row["low"], row["failed"]) == ("", "", "300")


def test_the_json_holds_the_tables_and_the_scores(
    make_run: MakeRun, pope: Summary, tmp_path: Path
) -> None:
    (path,) = write_leaderboard(tmp_path, [make_run(pope)], formats=("json",))
    content = json.loads(path.read_text())
    assert set(content) == {
        *("leaderboard", "published", "details", "differences", "costs", "scores", "unfinished")
    }
    assert content["leaderboard"][0]["cells"][0]["failed"] == 9
    assert content["scores"][1]["value"] == pytest.approx(70.0)


def test_the_markdown_has_every_kind_of_table(
    make_run: MakeRun, pope: Summary, tmp_path: Path
) -> None:
    (path,) = write_leaderboard(tmp_path, [make_run(pope, model="a|b")], formats=("md",))
    text = path.read_text()
    headings = [line for line in text.split("\n") if line.startswith("## ")]
    assert headings == [
        "## Leaderboard (demo data)",
        "## pope@demo: details",
        "## pope@demo: scores that differ, and why",
    ]
    assert "| a\\|b | 85.1 [80.2, 90.3] ^1 |" in text
    assert "| lmms_eval | 84.0 (-1.1) | only a bare yes or no is an answer |" in text


def test_a_new_leaderboard_replaces_the_old_one(
    make_run: MakeRun, pope: Summary, tmp_path: Path
) -> None:
    store = make_run(pope)
    write_leaderboard(tmp_path, [store])
    better = replace(pope, metrics={"f1_mean": Estimate(0.99, 0.98, 1.0)})
    store.task(pope.task).write_summary(better)
    (path,) = write_leaderboard(tmp_path, [store], formats=("md",))
    assert "99.0 [98.0, 100.0]" in path.read_text()
    assert "85.1" not in path.read_text()


def test_nothing_is_written_where_runs_are_not_comparable(
    make_run: MakeRun, pope: Summary, tmp_path: Path
) -> None:
    stores = [make_run(pope), make_run(pope, model="other", data_digest="d1")]
    for name in ("md", "csv", "json"):
        with pytest.raises(NotComparable):
            write_leaderboard(tmp_path / "out", stores, formats=(name,))
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_is_refused_with_the_known_ones(
    make_run: MakeRun, pope: Summary, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="'xlsx'; there are: md, csv, tex"):
        write_leaderboard(
            tmp_path / "out",
            [make_run(pope)],
            formats=(
                "md",
                "xlsx",
            ),
        )
    assert not (tmp_path / "out").exists()
