"""MMVP: pairs count as a whole; editions are told apart; broken tables are named."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.metrics import add_up
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import Record, Response

TASK = load_task("mmvp")
HEAD = "lndex,Question,Options,Correct Answer"


def write(root: Path, *lines: str, head: str = HEAD) -> Path:
    (root / "mmvp").mkdir(exist_ok=True)
    (root / "mmvp/Questions.csv").write_text("\ufeff" + "\n".join([head, *lines]))
    return root


def rows(numbers: Sequence[int]) -> list[str]:
    return [f'{i},"Open, or not?",(a) Open (b) Closed,({"ab"[i % 2]})' for i in numbers]


def test_a_pair_is_right_only_if_both_are(tmp_path: Path) -> None:
    samples = list(TASK.samples(write(tmp_path, *rows(range(1, 7)))))
    assert samples[0].prompt.text.startswith("Open, or not?\nA. Open\nB. Closed\n")
    assert [s.target for s in samples] == list("BABABA")
    assert [s.cluster for s in samples] == list("112233")
    tallies = []
    for pair in range(3):
        records = []
        for sample in samples[2 * pair : 2 * pair + 2]:
            text = "(B)" if pair else str(sample.target)
            response = Response(sample.question_id, text, "stop")
            records.append(Record(sample, response, TASK.scorer.score(sample, response)))
        tallies.append(TASK.scorer.tally(records))
    figures = TASK.scorer.finish(add_up(tallies))
    assert figures["together"] == pytest.approx(1 / 3)
    assert figures["accuracy"] == pytest.approx(4 / 6)


@pytest.mark.parametrize(("answers", "edition"), [("ba", "corrected"), ("ab", "first")])
def test_the_edition_is_named(
    answers: str, edition: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [f"{i},Tusks?,(a) Long (b) Short,({answers[(i + 1) % 2]})" for i in range(95, 101)]
    with caplog.at_level(logging.INFO):
        list(TASK.samples(write(tmp_path, *lines)))
    assert f"{edition} edition" in caplog.text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x,Open?,(a) Open (b) Closed,(a)", r"csv:2: the index must be a number, got 'x'"),
        ("1,Open?,(a) Open (b) Closed", r"csv:2: 3 cells, must be 4"),
        ("1,Open?,(a) Open (b) Closed,(c)", r"csv:2: the answer 'C' is not among the options"),
    ],
)
def test_a_broken_row_is_named(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        list(TASK.samples(write(tmp_path, line)))
    with pytest.raises(DataError, match=r"csv:1: the columns must be an index, Question"):
        list(TASK.samples(write(tmp_path, line, head="a,b")))
