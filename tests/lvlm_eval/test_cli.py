"""The command line: results, one-line errors, exit codes."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

PLUGINS = Path(__file__).parents[1] / "data" / "plugins"
PLUGIN_OPTIONS = ("--plugin", str(PLUGINS / "tiny.py"), "--plugin", str(PLUGINS / "parrot.py"))

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_tiny(call: Call, tiny: Path) -> Call:
    def run(*arguments: str, model: str = "parrot:polly") -> tuple[int, str, str]:
        common = ("--tasks", "tiny", "--data", str(tiny), *PLUGIN_OPTIONS)
        return call("run", model, *common, *arguments)

    return run


def refused(outcome: tuple[int, str, str], *words: str, code: int = 2) -> None:
    """One line on stderr with all the words, that exit code, and no run folder."""
    status, _, err = outcome
    lines = [line for line in err.splitlines() if "checking images" not in line]
    assert status == code, err
    assert len(lines) == 1, err
    assert all(word in lines[0] for word in words), lines[0]
    assert not Path("results").exists()


def test_a_run_ends_with_one_table_and_its_path(run_tiny: Call) -> None:
    code, out, _ = run_tiny()
    assert code == 0
    header = out.splitlines()[1].split()
    assert header[:3] == ["task", "metric", "value"]
    assert "tiny" in out
    (folder,) = Path("results").glob("parrot-polly/*")
    assert str(folder) in out
    names = {file.name for file in (folder / "tiny").iterdir()}
    expected = {"task.json", "responses.jsonl", "scores.jsonl", "summary.json", "cost.json"}
    assert names == expected


def test_json_is_one_object_with_the_summaries(run_tiny: Call) -> None:
    code, out, _ = run_tiny("--json")
    assert code == 0
    (run,) = json.loads(out)["runs"]
    summary = run["tasks"]["tiny"]
    assert summary["headline"] == "accuracy"
    assert set(summary["metrics"]["accuracy"]) == {"value", "low", "high"}
    assert summary["n"] == 30


def test_the_habits_of_other_harnesses_are_understood(call: Call, tiny: Path) -> None:
    code, _, err = call(
        *("run", "parrot:polly", "--tasks", "tiny", "--data", str(tiny), *PLUGIN_OPTIONS),
        *("--output_path", "elsewhere", "--model_args", "seconds=0", "--max_new_tokens", "2"),
        "--log_samples",
    )
    assert code == 0, err
    assert list(Path("elsewhere").glob("parrot-polly/*/tiny/summary.json"))


def test_a_dry_run_checks_all_and_writes_nothing(run_tiny: Call) -> None:
    code, out, _ = run_tiny("--dry-run")
    assert code == 0
    assert "tiny: 30 questions" in out
    assert not Path("results").exists()


def test_unknown_names_are_refused_with_those_there_are(run_tiny: Call, call: Call) -> None:
    tasks = call("run", "parrot:polly", "--tasks", "tinny", *PLUGIN_OPTIONS)
    refused(tasks, "unknown task 'tinny'", "did you mean tiny?")
    refused(run_tiny(model="nobody"), "unknown model 'nobody'", "demo", "baseline")
    refused(run_tiny(model="parrot:polly,wings=2"), "no option 'wings'", "seconds")
    refused(run_tiny(model="parrot:polly,seconds=two"), "seconds must be float")
    refused(run_tiny("--mode", "deaf"), "unknown mode 'deaf'", "blind")
    assert run_tiny("--nonsense")[0] == 2


def test_no_data_root_says_which_file_is_wanted(call: Call) -> None:
    outcome = call("run", "parrot:polly", "--tasks", "tiny", *PLUGIN_OPTIONS)
    refused(outcome, "--data", "DATA/tiny/questions.jsonl")


def test_a_missing_file_says_where_to_put_it(run_tiny: Call, tiny: Path) -> None:
    (tiny / "tiny" / "questions.jsonl").unlink()
    refused(run_tiny(), "put the benchmark's file at", str(tiny / "tiny" / "questions.jsonl"))


def test_a_broken_line_is_named(run_tiny: Call, tiny: Path) -> None:
    file = tiny / "tiny" / "questions.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:6], lines[6][:20], *lines[7:]]))
    refused(run_tiny(), "questions.jsonl:7", "not JSON")


@pytest.mark.parametrize("name", ["../../secret.png", "a/../../../secret.png"])
def test_a_path_out_of_the_data_root_is_named(run_tiny: Call, tiny: Path, name: str) -> None:
    file = tiny / "tiny" / "questions.jsonl"
    file.write_text(file.read_text().replace("3.png", name))
    refused(run_tiny(), "questions.jsonl:10", "leaves the data root")


def test_bad_images_are_named_with_the_row_that_asks_for_them(
    run_tiny: Call, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tiny / "tiny" / "images" / "2.png"
    whole = image.read_bytes()
    image.write_bytes(b"no picture at all")
    refused(run_tiny(), "2.png: is not an image", "questions.jsonl:7")
    image.write_bytes(whole[:-6])
    refused(run_tiny(), "2.png: is damaged or truncated", "questions.jsonl:7")
    image.unlink()
    refused(run_tiny(), "2.png: no such image", "questions.jsonl:7")
    Image.new("1", (9_460, 9_460)).save(image)
    refused(run_tiny(), "2.png", "over the limit of 89478485 pixels", "questions.jsonl:7")


def test_a_run_folder_of_another_run_is_refused(run_tiny: Call) -> None:
    run_tiny()
    (file,) = Path("results").glob("parrot-polly/*/run.json")
    file.write_text(file.read_text().replace('"normal"', '"blind"'))
    code, _, err = run_tiny()
    assert code == 2
    assert "RunMismatch" in err
    assert str(file) in err


def test_too_many_failures_end_with_5_after_the_table(run_tiny: Call) -> None:
    code, out, err = run_tiny(model="parrot:polly,fail=3-")
    assert code == 5
    assert "tiny" in out
    assert "3 of 30 questions failed" in err
    assert run_tiny("--max-failures", "0.2", model="parrot:polly,fail=3-")[0] == 0
    assert run_tiny("--max-unparsed", "0.01")[0] == 5


def test_answers_made_elsewhere_are_marked_without_images(
    call: Call, tiny: Path, run_tiny: Call
) -> None:
    run_tiny()
    (responses,) = Path("results").glob("parrot-polly/*/tiny/responses.jsonl")
    rows = [json.loads(line) for line in responses.read_text().splitlines()]
    answers = [{"question_id": row["question_id"], "text": row["text"]} for row in rows]
    for image in (tiny / "tiny" / "images").iterdir():
        image.unlink()

    def score(given: list[dict[str, str]]) -> tuple[int, str, str]:
        Path("answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in given))
        return call(
            *("score", "--task", "tiny", "--data", str(tiny), *PLUGIN_OPTIONS),
            *("--predictions", "answers.jsonl", "--results", "marked", "--json"),
        )

    code, out, _ = score(answers[::-1])
    assert code == 0
    marked = json.loads(out)["tasks"]["tiny"]["metrics"]
    (summary,) = Path("results").glob("parrot-polly/*/tiny/summary.json")
    assert marked == json.loads(summary.read_text())["metrics"]
    code, _, err = score([*answers, {"question_id": "99-0", "text": "yes"}])
    assert (code, "answers.jsonl:31" in err, "99-0" in err) == (2, True, True)
    code, _, err = score([*answers, answers[4]])
    assert (code, "answers.jsonl:31" in err) == (2, True)
    code, _, err = score(answers[2:])
    assert (code, "2 of 30" in err) == (5, True)


def test_a_stored_run_is_marked_again_without_the_model(call: Call, run_tiny: Call) -> None:
    run_tiny()
    (summary,) = Path("results").glob("parrot-polly/*/tiny/summary.json")
    before = summary.read_bytes()
    summary.unlink()
    data = os.fspath(next(Path().glob("data")))
    code, _, err = call("score", "parrot:polly@latest", "--data", data, *PLUGIN_OPTIONS)
    assert code == 0, err
    assert summary.read_bytes() == before


def test_the_report_writes_three_files_and_prints_the_leaderboard(
    call: Call, run_tiny: Call
) -> None:
    run_tiny()
    run_tiny("--mode", "blind")
    code, out, err = call("report")
    assert code == 0, err
    assert "parrot:polly (blind)" in out
    for name in ("md", "csv", "json"):
        assert (Path("results") / f"leaderboard.{name}").stat().st_size > 0


def test_ls_and_explain_show_the_plugin(call: Call, tiny: Path) -> None:
    code, out, _ = call("ls", "tasks", *PLUGIN_OPTIONS)
    assert code == 0
    assert "tiny" in out
    code, out, _ = call("explain", "tiny", "--data", str(tiny), "--sample", "2", *PLUGIN_OPTIONS)
    assert code == 0
    assert "0-1" in out
    assert '"q1?"' in out
    assert call("explain", "tiny", "--data", str(tiny), "--sample", "99", *PLUGIN_OPTIONS)[0] == 2
    assert call("ls", "nothing")[0] == 2
