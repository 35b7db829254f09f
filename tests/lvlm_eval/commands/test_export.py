"""`export` as typed, and its bundle in every command that reads runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..conftest import FILES, Call, write_tiny
from ..pairs_of_runs import marked_run

PLUGIN = ("--plugin", str(FILES[0]), "--plugin", str(FILES[1]))


@pytest.fixture
def bundle(call: Call, tmp_path: Path) -> Path:
    data = str(write_tiny(tmp_path / "data"))
    words = ("--tasks", "tiny", "--data", data, "--results", "made")
    assert call("run", "parrot:polly", *words, *PLUGIN)[0] == 0
    code, out, _ = call(
        "export", "parrot:polly@latest", "--results", "made", "-o", "polly.zip", "--json"
    )
    assert code == 0
    assert json.loads(out)["bytes"] == (tmp_path / "polly.zip").stat().st_size
    return tmp_path / "polly.zip"


def test_a_bundle_is_reported_compared_and_checked(call: Call, bundle: Path) -> None:
    assert "parrot:polly" in call("report", str(bundle), "--results", "other")[1]
    assert call("compare", str(bundle), str(bundle), "--results", "other", *PLUGIN)[0] == 0
    words = ("--baseline", str(bundle), "--results", "made", "--strict", *PLUGIN)
    code, out, _ = call("check", "parrot:polly@latest", *words)
    assert code == 0
    assert "every answer is the same" in out


def test_a_bundle_is_marked_again_under_results(call: Call, bundle: Path, tmp_path: Path) -> None:
    words = ("--data", str(tmp_path / "data"), "--results", "other", *PLUGIN)
    assert call("score", str(bundle), *words)[0] == 0
    (made,) = tmp_path.glob("made/*/*/tiny/scores.jsonl")
    (again,) = tmp_path.glob("other/*/*/tiny/scores.jsonl")
    assert made.read_bytes() == again.read_bytes()


def test_without_text_it_is_compared_but_not_marked(
    call: Call, bundle: Path, tmp_path: Path
) -> None:
    assert call("export", str(bundle), "-o", "bare.zip", "--no-text")[0] == 0
    code, out, _ = call("check", str(bundle), "--baseline", "bare.zip", *PLUGIN)
    assert code == 0
    assert "undecided" in out  # the marks are equal, whether the answers are nobody knows
    code, _, err = call("score", "bare.zip", "--data", str(tmp_path / "data"), *PLUGIN)
    assert code == 2
    assert "made with --no-text" in err


def test_an_altered_bundle_is_one_line(call: Call, bundle: Path) -> None:
    data = bundle.read_bytes()
    bundle.write_bytes(data[: len(data) // 2])
    code, _, err = call("report", str(bundle))
    assert code == 2
    assert err.startswith("StoreError: ") and err.count("\n") == 1


def test_a_run_without_answers_is_not_exported(call: Call, tmp_path: Path) -> None:
    store = marked_run(tmp_path / "runs", [1, 0])
    (store.folder / "tiny" / "task.json").unlink()
    code, _, err = call("export", "a@latest", "--results", "runs", "-o", "x.zip")
    assert code == 2
    assert "nothing to export" in err
