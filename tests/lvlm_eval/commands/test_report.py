"""`lvlm-eval report` as typed: what it writes, and how it ends where something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval.reporting.board import Options
from lvlm_eval.reporting.files import make_report
from lvlm_eval.reporting.results import find
from lvlm_eval.schema import Summary
from lvlm_eval.store import RunStore
from lvlm_eval.tables import render

from ..conftest import FILES, Call, write_tiny

MakeRun = Callable[..., RunStore]


def test_every_format_is_written(call: Call, make_run: MakeRun, pope: Summary) -> None:
    make_run(pope)
    code, out, err = call("report", "--format", "md,csv,tex,html,json,hf")
    assert (code, err) == (0, "")
    written = sorted(file.name for file in Path("results").glob("leaderboard.*"))
    assert written == [
        f"leaderboard.{kind}" for kind in ("csv", "hf.yaml", "html", "json", "md", "tex")
    ]
    assert "written: results/leaderboard.md" in out


def test_no_results_folder_and_an_empty_one_are_errors(call: Call) -> None:
    code, _, err = call("report")
    assert code == 2
    assert err.startswith("UsageError: no results folder results")
    Path("results").mkdir()
    code, _, err = call("report")
    assert code == 2
    assert "no runs under results" in err
    assert not list(Path("results").iterdir())


def test_an_unknown_format_is_refused_before_anything_is_read(call: Call) -> None:
    code, _, err = call("report", "--format", "md,xlsx")
    assert code == 2
    assert "no format 'xlsx'; there are: md, csv, tex, html, json, hf" in err
    assert call("report", "--format", ",")[0] == 2


def test_a_half_finished_run_is_shown_as_such_and_ends_with_3(
    call: Call, make_run: MakeRun, pope: Summary, mme: Summary
) -> None:
    store = make_run(pope, mme)
    (store.task("pope@demo").folder / "summary.json").unlink()
    code, out, err = call("report", "--format", "md")
    assert code == 3
    assert "begun and not marked yet" in out
    assert err.startswith("Incomplete: the tables lack pope@demo of demo")


def test_a_task_whose_every_answer_failed_ends_with_5(
    call: Call, make_run: MakeRun, pope: Summary
) -> None:
    make_run(replace(pope, metrics={}, variants={}, n=0, failed=300))
    code, out, err = call("report", "--format", "md")
    assert code == 5
    assert "300 of 300 answers failed" in out
    assert err.startswith("TooFewAnswers: pope@demo of demo: every answer failed")


def test_different_subsets_end_with_4(call: Call, make_run: MakeRun, pope: Summary) -> None:
    make_run(pope)
    make_run(replace(pope, asked=100, n=91), model="other")
    assert call("report", "--format", "md")[0] == 4
    assert not list(Path("results").glob("leaderboard.*"))
    assert call("report", "--format", "md", "--allow", "limit")[0] == 0


def test_json_on_the_screen_is_the_file(call: Call, make_run: MakeRun, pope: Summary) -> None:
    make_run(pope)
    code, out, _ = call("report", "--json", "--format", "json")
    assert code == 0
    assert json.loads(out) == json.loads(Path("results/leaderboard.json").read_text())


def test_data_give_the_page_questions_and_pictures(call: Call) -> None:
    write_tiny(Path("data"))
    plugins = [part for file in FILES for part in ("--plugin", str(file))]
    call("run", "parrot:polly", "--tasks", "tiny", "--data", "data", *plugins)
    sizes = []
    for extra in ((), ("--data", "data"), ("--data", "data", "--thumbnails", "0")):
        code, _, err = call("report", "--format", "html", *extra, *plugins)
        assert (code, err) == (0, "")
        sizes.append(Path("results/leaderboard.html").read_text().count('id="thumbs-'))
    assert sizes == [1, 2, 1]  # one says how many pictures a block has


def test_other_data_than_the_run_s_are_refused(call: Call) -> None:
    write_tiny(Path("data"))
    write_tiny(Path("other"), images=4)
    plugins = [part for file in FILES for part in ("--plugin", str(file))]
    call("run", "parrot:polly", "--tasks", "tiny", "--data", "data", *plugins)
    code, _, err = call("report", "--format", "html", "--data", "other", *plugins)
    assert code == 2
    assert "holds answers to other questions" in err


def test_a_task_whose_data_are_not_there_is_named_on_the_page(call: Call) -> None:
    write_tiny(Path("data"))
    plugins = [part for file in FILES for part in ("--plugin", str(file))]
    call("run", "parrot:polly", "--tasks", "tiny", "--data", "data", *plugins)
    Path("elsewhere").mkdir()
    code, _, _ = call("report", "--format", "html", "--data", "elsewhere", *plugins)
    assert code == 0
    text = Path("results/leaderboard.html").read_text()
    assert "no questions of tiny: not under --data" in text
    code, _, err = call("report", "--data", "nowhere", *plugins)
    assert (code, err.split(";")[0]) == (2, "MissingData: --data nowhere is no folder")


@pytest.mark.parametrize("option", [("--samples", "0"), ("--thumbnails", "-1")])
def test_limits_that_make_no_sense_are_refused(call: Call, option: tuple[str, str]) -> None:
    assert call("report", *option)[0] == 2


def test_a_report_imports_nothing_heavy(make_run: MakeRun, pope: Summary, tmp_path: Path) -> None:
    make_run(pope)
    code = (
        "import sys\nfrom lvlm_eval.cli import main\n"
        "try: main(['report', '--results', 'results'])\n"
        "except SystemExit as end: assert end.code in (0, None), end.code\n"
        "heavy = {'torch', 'transformers', 'datasets', 'pandas', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_sixty_tasks_fit_the_terminal(make_run: MakeRun, pope: Summary) -> None:
    store = make_run(*(replace(pope, task=f"task{n}", variants={}) for n in range(60)))
    for table in make_report(find([store]), Options()).tables:
        assert max(map(len, render(table, 80).split("\n"))) <= 80
