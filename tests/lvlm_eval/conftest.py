"""A small benchmark on disk and a model that answers it by rule."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lvlm_eval.cli import main
from lvlm_eval.evaluation import Candidate, Plan
from lvlm_eval.model_spec import parse_model
from lvlm_eval.plugins import select_tasks
from lvlm_eval.schema import Mode

PLUGINS = Path(__file__).parents[1] / "data" / "plugins"
FILES = (PLUGINS / "tiny.py", PLUGINS / "parrot.py")

MakePlan = Callable[..., Plan]
Call = Callable[..., tuple[int, str, str]]


def write_tiny(root: Path, images: int = 10, questions: int = 3) -> Path:
    """A data root for the task `tiny`: `questions` on each of `images` pictures."""
    folder = root / "tiny" / "images"
    folder.mkdir(parents=True)
    rows = []
    for i in range(images):
        Image.new("RGB", (8, 8), (i * 20 % 256, 0, 0)).save(folder / f"{i}.png")
        for q in range(questions):
            label = "yes" if (i + q) % 3 else "no"
            rows.append({"id": f"{i}-{q}", "image": f"{i}.png", "text": f"q{q}?", "label": label})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "tiny" / "questions.jsonl").write_text(lines)
    return root


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Call:
    """The program, as typed in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LVLM_EVAL_DATA", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = 0
        try:
            main(list(arguments))
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "data")


@pytest.fixture
def make_plan(tiny: Path, tmp_path: Path) -> MakePlan:
    def make(model: str = "parrot:polly", mode: Mode = "normal", **changes: object) -> Plan:
        settings = {
            "candidates": (Candidate(parse_model(model, FILES), mode),),
            "tasks": tuple(select_tasks("tiny", FILES)),
            "data": tiny,
            "results": tmp_path / "results",
            "cache": tmp_path / "cache",
            "plugin_files": FILES,
        }
        return Plan(**(settings | changes))  # type: ignore[arg-type]

    return make
