"""Verdicts in words: what tables, Markdown, JUnit and JSON say of marks that there are not."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lvlm_eval.regression import Gate, Policy, check
from lvlm_eval.verdicts import gate_json, gate_junit, gate_markdown, gate_table

from .pairs_of_runs import accuracy, marked_run


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A loss of a metric whose items have no mark of their own."""
    baseline = marked_run(tmp_path, [1] * 150 + [0] * 50, model="base", named="of a part")
    candidate = marked_run(tmp_path, [1] * 130 + [0] * 70, model="new", named="of a part")
    return check(candidate, baseline, lambda _: accuracy, Policy())


def test_no_number_of_answers_is_made_up(gate: Gate) -> None:
    table = gate_table(gate)
    assert [table.cells["tiny", column].text for column in ("gained", "lost")] == ["-", "-"]
    assert gate_json(gate)["tasks"] == {"tiny": gate.tasks[0].figures()}
    assert gate.tasks[0].figures()["lost"] is None


def test_every_form_says_how_many_were_marked_differently(gate: Gate) -> None:
    (failure,) = ET.fromstring(gate_junit(gate)).iter("failure")
    for text in (gate_markdown(gate), str(failure.text)):
        assert "20 of 200 answers marked differently" in text
        assert "0 gained" not in text
