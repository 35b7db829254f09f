"""Questions, comparisons and frames from Python, and the README's own lines."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lvlm_eval import (
    Decoding,
    Image,
    Request,
    Response,
    ask,
    check,
    compare,
    leaderboard,
    open_model,
)
from lvlm_eval.bundle import pack
from lvlm_eval.errors import ImageError, NotComparable, StoreError, TooFewAnswers, UsageError
from lvlm_eval.schema import Run
from lvlm_eval.store import RunStore

from .conftest import FILES
from .pairs_of_runs import marked_run

ROOT = Path(__file__).parents[2]
SCENE = ROOT / "docs" / "scene.jpg"


def test_the_readmes_ten_lines_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (block,) = (block for block in blocks if "import ask" in block)
    assert len(block.splitlines()) <= 10
    (tmp_path / "lines.py").write_text(block)
    runpy.run_path(str(tmp_path / "lines.py"))
    printed = re.findall(r"# prints: (.*)", block)
    assert printed
    assert capsys.readouterr().out.splitlines() == printed


def test_an_opened_model_answers_many_questions_about_files_and_bytes() -> None:
    model = open_model("demo", device="cpu", batch=1)
    question = "What color is the circle?"
    answers = [
        ask(model, question, images=[SCENE]),
        ask(model, question, images=[str(SCENE)]),
        ask(model, question, images=[Image(data=SCENE.read_bytes())]),
    ]
    assert answers == ["yellow"] * 3
    cut = ask(model, "What is in the picture?", [SCENE], decoding=Decoding(max_new_tokens=2))
    assert cut == "a small"


def test_what_goes_wrong_is_an_exception(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown model 'nobody'"):
        ask("nobody", "What?")
    with pytest.raises(UsageError, match="no option 'wings'"):
        open_model("demo", wings=2)
    with pytest.raises(ImageError, match=r"gone\.png: no such image"):
        ask("demo", "What?", images=[tmp_path / "gone.png"])


@dataclass(frozen=True)
class Failing:
    """A model that has an error for every question."""

    name: str = "failing"

    def describe(self) -> dict[str, str]:
        return {}

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        for request in requests:
            yield Response(request.question_id, "", "error", error="ValueError: no eyes")


def test_a_model_that_fails_raises() -> None:
    with pytest.raises(TooFewAnswers, match="'What' has no answer: ValueError: no eyes"):
        ask(Failing(), "What", images=[SCENE])


GOOD, BAD = [1] * 150 + [0] * 50, [1] * 120 + [0] * 80


@pytest.mark.parametrize("kind", ["opened", "folder", "bundle", "id", "latest"])
def test_runs_are_compared_however_they_are_named(tmp_path: Path, kind: str) -> None:
    good, bad = (
        marked_run(tmp_path, marks, model=name) for name, marks in (("good", GOOD), ("bad", BAD))
    )
    pack(good.folder, tmp_path / "good.zip", text=False)
    names: dict[str, RunStore | str | Path] = {
        "opened": good,
        "folder": good.folder,
        "bundle": tmp_path / "good.zip",
        "id": good.run_id[:6],
        "latest": "good@latest",
    }
    compared = compare(names[kind], bad, results=tmp_path, plugins=FILES)
    assert (compared.first, compared.second) == (good.name, bad.name)
    (row,) = compared.frame().reset_index().to_dict("records")
    assert (row["task"], row["difference"], row["gained"], row["lost"]) == ("tiny", -15.0, 0, 30)
    assert row["low"] < -15.0 < row["high"] < 0
    assert row["undefined_resamples"] == 0


def test_the_gate_from_python_has_verdicts_in_a_frame(tmp_path: Path) -> None:
    good = marked_run(tmp_path, GOOD, model="good")
    bad = marked_run(tmp_path, BAD, model="bad")
    closed = check(bad, good, plugins=FILES)
    assert not closed.passed
    assert list(closed.frame().loc["tiny", ["verdict", "margin", "lost"]]) == ["worse", 1.0, 30]
    wide = {"default": "0.5", "tiny": "40"}
    opened = check(good, bad, strict=True, margins=wide, tasks=["tiny"], plugins=FILES)
    assert opened.passed
    assert list(opened.frame().loc["tiny", ["verdict", "margin"]]) == ["ok", 40.0]


def test_what_is_not_comparable_raises_and_allow_lets_it_pass(tmp_path: Path) -> None:
    long = marked_run(tmp_path, GOOD, model="long")
    short = marked_run(tmp_path, GOOD[:100], model="short")
    with pytest.raises(NotComparable, match=r"limit .* is 200 there and 100 here"):
        compare(long, short, plugins=FILES)
    assert compare(long, short, allow=["limit"], plugins=FILES).tasks[0].questions == 100


def test_a_runs_scores_are_a_frame_of_its_answers(tmp_path: Path) -> None:
    frame = marked_run(tmp_path, {"a": 1.0, "b": 0.0}).frame()
    assert frame.index.tolist() == [("tiny", "a"), ("tiny", "b")]
    assert frame["value/correct"].tolist() == [1.0, 0.0]
    assert frame["answer"].tolist() == ["yes", "no"]


def test_a_run_without_answers_has_no_frame(tmp_path: Path) -> None:
    empty = RunStore.create(tmp_path, Run("a", "parrot", {}, "a"), {})
    with pytest.raises(StoreError, match="has no answers yet"):
        empty.frame()


def test_a_leaderboards_table_is_a_frame_of_its_cells(tmp_path: Path) -> None:
    marked_run(tmp_path, GOOD, model="good")
    frame = leaderboard(tmp_path)[0].frame().set_index(["model", "column"])
    assert list(frame.loc[("good", "tiny"), ["value", "low", "high"]]) == [50.0, 40.0, 60.0]


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, lvlm_eval\n"
        "heavy = {'torch', 'transformers', 'datasets', 'pandas', 'scipy', 'numpy', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
