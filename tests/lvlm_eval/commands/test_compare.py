"""`compare` and `check` as typed: exit codes, files, JSON; the bundled models at the end."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lvlm_eval.task_store import Decision

from ..conftest import FILES, Call
from ..pairs_of_runs import marked_run

PLUGIN = ("--plugin", str(FILES[0]))
GOOD, BAD = [1] * 150 + [0] * 50, [1] * 120 + [0] * 80


@pytest.fixture
def results(tmp_path: Path) -> str:
    marked_run(tmp_path / "runs", GOOD, model="good")
    marked_run(tmp_path / "runs", BAD, model="bad")
    return str(tmp_path / "runs")


def test_compare_prints_the_difference_and_writes_the_flips(call: Call, results: str) -> None:
    code, out, _ = call("compare", "good@latest", "bad@latest", "--results", results, *PLUGIN)
    assert code == 0
    assert "-15.0 [" in out and "worse" in out
    (file,) = (Path(results) / "flips").glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 30
    assert lines[0]["first"] == {"answer": "yes", "values": {"correct": 1.0}}
    assert lines[0]["second"] == {"answer": "no", "values": {"correct": 0.0}}


def test_compare_gives_machines_every_figure(call: Call, results: str) -> None:
    code, out, _ = call(
        "compare", "good@latest", "bad@latest", "--results", results, "--json", *PLUGIN
    )
    found = json.loads(out)["tasks"]["tiny"]
    assert code == 0
    assert (found["difference"], found["gained"], found["lost"]) == (-15.0, 0, 30)
    assert found["test"] == "mcnemar"


def test_what_is_not_comparable_is_exit_4_and_names_each_field(
    call: Call, results: str, tmp_path: Path
) -> None:
    marked_run(tmp_path / "runs", GOOD[:100], model="short", mode="blind")
    words = ("compare", "good@latest", "short@latest", "--results", results, *PLUGIN)
    code, _, err = call(*words)
    assert code == 4
    assert "mode is normal" in err and "limit (questions asked) is 200" in err
    assert call(*words, "--allow", "mode", "--allow", "limit")[0] == 0


def test_a_run_that_was_stopped_early_is_exit_4(call: Call, results: str, tmp_path: Path) -> None:
    stopped = marked_run(tmp_path / "runs", GOOD, model="stopped")
    stopped.task("tiny").write_decision(Decision("good/1", "ok", 0.05, 0.01))
    words = ("good@latest", "--results", results, *PLUGIN)
    for command in (("compare", "stopped@latest"), ("check", "stopped@latest", "--baseline")):
        code, _, err = call(*command, *words)
        assert code == 4
        assert len(err.splitlines()) == 1
        assert "--until-decided" in err and "verdict against good/1, ok, is what counts" in err


def test_a_task_that_nobody_knows_is_one_line(call: Call, results: str) -> None:
    code, _, err = call("compare", "good@latest", "bad@latest", "--results", results)
    assert code == 2
    assert err.startswith("UsageError: unknown task 'tiny'")


def test_a_results_folder_without_runs_is_one_line(call: Call, tmp_path: Path) -> None:
    code, _, err = call("check", "x", "--baseline", "y", "--results", str(tmp_path))
    assert code == 2
    assert "no run fits 'x'" in err


def test_the_gate_closes_with_exit_1_and_junit_shows_it(
    call: Call, results: str, tmp_path: Path
) -> None:
    junit, page = tmp_path / "out" / "gate.xml", tmp_path / "out" / "gate.md"
    words = ("--baseline", "good@latest", "--results", results, *PLUGIN)
    code, out, _ = call(
        "check", "bad@latest", *words, "--junit", str(junit), "--markdown", str(page)
    )
    assert code == 1
    assert "FAILED" in out and "worse" in out
    suite = ET.fromstring(junit.read_text())
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    failure = suite.find("testcase[@name='tiny']/failure")
    assert failure is not None and "accuracy 75.0 -> 60.0" in str(failure.get("message"))
    assert page.read_text().startswith("### FAILED: bad/")


def test_the_gate_lets_a_gain_pass(call: Call, results: str, tmp_path: Path) -> None:
    junit = tmp_path / "gate.xml"
    words = ("--baseline", "bad@latest", "--results", results, "--junit", str(junit), *PLUGIN)
    code, out, _ = call("check", "good@latest", *words, "--json")
    assert code == 0
    assert json.loads(out)["tasks"]["tiny"]["verdict"] == "ok"
    assert ET.fromstring(junit.read_text()).get("failures") == "0"


def test_margins_come_by_task_from_yaml(call: Call, results: str, tmp_path: Path) -> None:
    file = tmp_path / "margins.yaml"
    file.write_text("default: 1%\ntiny: 2.5\n")
    words = ("--baseline", "bad@latest", "--results", results, "--json", *PLUGIN)
    code, out, _ = call("check", "good@latest", *words, "--margin", str(file))
    assert code == 0
    assert json.loads(out)["tasks"]["tiny"]["margin"] == 2.5


@pytest.mark.parametrize(
    ("text", "message"),
    [("- 1\n", "must hold"), ("tiny: [\n", "not YAML"), ("tiny: a lot\n", "neither points")],
)
def test_a_broken_file_of_margins_is_one_line(
    call: Call, results: str, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "margins.yaml"
    file.write_text(text)
    words = ("--baseline", "bad@latest", "--results", results, "--margin", str(file), *PLUGIN)
    code, _, err = call("check", "good@latest", *words)
    assert code == 2
    assert message in err


def test_too_few_answers_are_exit_5(call: Call, results: str, tmp_path: Path) -> None:
    marked_run(tmp_path / "runs", GOOD[:190], model="holes", asked=200, failed=10)
    words = ("--baseline", "good@latest", "--results", results, *PLUGIN)
    assert call("check", "holes@latest", *words)[0] == 5


@pytest.mark.slow
def test_the_bundled_model_passes_against_itself_and_its_dense_twin_fails(
    call: Call, tmp_path: Path
) -> None:
    for model, folder in (("demo", "one"), ("demo", "two"), ("demo:dense", "two")):
        words = ("--tasks", "vqav2,pope", "--data", "demo", "--results", folder)
        assert call("run", model, *words)[0] == 0
    (baseline,) = (tmp_path / "one" / "demo").iterdir()
    words = ("--baseline", str(baseline), "--results", "two", "--junit", "gate.xml")
    assert call("check", "demo@latest", *words, "--strict")[0] == 0
    code, out, _ = call("check", "demo-dense@latest", *words, "--json")
    assert code == 1
    found = json.loads(out)["tasks"]
    assert found["vqav2@demo"]["verdict"] == "worse"
    assert found["pope@demo"]["verdict"] in ("ok", "undecided")
    suite = ET.fromstring((tmp_path / "gate.xml").read_text())
    assert [case.get("name") for case in suite.findall("testcase[failure]")] == ["vqav2@demo"]
