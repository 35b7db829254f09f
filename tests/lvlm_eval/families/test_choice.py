"""Multiple choice: options, letters, means, by hand."""

from __future__ import annotations

import pytest

from lvlm_eval.answers.letters import bare_letter
from lvlm_eval.errors import DataError
from lvlm_eval.families.choice import Marking, accuracy, lettered, listed, offered, scorer
from lvlm_eval.schema import Prompt, Record, Response, Sample

OPTIONS = lettered(["red", "blue"])


def record(text: str, target: str = "A", group: str = "x") -> Record:
    sample = Sample(
        text, Prompt.user("?"), target, facts={"options": OPTIONS}, groups={"axis": group}
    )
    response = Response(text, text, "stop")
    return Record(sample, response, SCORER.score(sample, response))


SCORER = scorer(Marking(bare_letter, "bare", lenient=True), "Overall", ("axis",), why="strict")


def test_options_are_lettered_and_listed_a_line_each() -> None:
    assert OPTIONS == {"A": "red", "B": "blue"}
    assert listed(OPTIONS) == "\nA. red\nB. blue"


def test_an_answer_that_is_not_offered_is_an_error() -> None:
    assert offered("B", OPTIONS, "file:3") == "B"
    with pytest.raises(DataError, match="file:3: the answer 'C' is not among the options A, B"):
        offered("C", OPTIONS, "file:3")


def test_figures_of_a_lopsided_set() -> None:
    records = [record("A"), record("B."), record("a"), record("B", "B", "y")]
    assert SCORER.finish(SCORER.tally(records)) == pytest.approx(
        {
            "accuracy": 2 / 4,
            "lenient/accuracy": 3 / 4,
            "axis/x": 1 / 3,
            "axis/y": 1,
            "mean of axis": 2 / 3,
        }
    )
    assert SCORER.official(records) == {
        "metrics": {"Overall": 0.5},
        "per_item": {"A": 1, "B.": 0, "a": 0, "B": 1},
    }
    assert SCORER.why == "strict"
    assert records[1].score.answer is None


def test_nothing_has_no_accuracy() -> None:
    assert accuracy([]) is None
