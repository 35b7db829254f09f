"""The example of a gate, run as it stands."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from lvlm_eval import check, compare, load_run

EXAMPLE = Path(__file__).parents[2] / "examples" / "gate.py"


def test_the_example_prints_verdicts_and_gives_the_gates_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = runpy.run_path(str(EXAMPLE))["main"](tmp_path)
    printed = capsys.readouterr().out.splitlines()
    candidate = load_run("demo-dense@latest", tmp_path)
    gate = check(candidate, tmp_path / "baseline.zip")
    assert code == (0 if gate.passed else 1)
    assert printed[-1] == ("passed" if gate.passed else "FAILED")
    verdicts = [f"{one.comparison.label}: {one.verdict}: {one.why}" for one in gate.tasks]
    assert printed[:2] == verdicts
    compared = compare("demo@latest", candidate.run_id, results=tmp_path)
    assert [one.label for one in compared.tasks] == ["pope@demo", "vqav2@demo"]
    assert all(one.questions >= 50 for one in compared.tasks)
