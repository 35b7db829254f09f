"""One question from Python, and the README's own lines."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lvlm_eval import Decoding, Image, Request, Response, ask, open_model
from lvlm_eval.errors import ImageError, TooFewAnswers, UsageError

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
