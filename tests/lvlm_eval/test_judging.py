"""Recorded judges: their files, their names, and what becomes of what they said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError, MissingData, UsageError
from lvlm_eval.judging import demand_judge, judged, open_judge, replies_to
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Answered, Prompt, Response, Sample, Verdict

TASK = load_task("mm_vet")


def pair(question_id: str, text: str = "a cat") -> Answered:
    sample = Sample(question_id, Prompt.user("Who?"), "cat", aliases=(question_id[3:],))
    return sample, Response(question_id, text, "stop")


def write(folder: Path, *rows: Mapping[str, JSON]) -> Path:
    file = folder / "said.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def verdicts(file: Path, *pairs: Answered) -> dict[str, Verdict]:
    found = open_judge(f"replay:{file}").verdicts(TASK, pairs)
    return {verdict.question_id: verdict for verdict in found}


def test_replies_are_joined_by_run_and_attempt(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        {"question_id": "v1_0", "reply": "x"},
        {"question_id": "v1_0", "reply": "0.5"},
        {"question_id": 0, "repeat": 1, "reply": "0.7"},
        {"question_id": "v1_8", "reply": "of a question not asked"},
        {"question_id": "v1_0", "task": "llava_bench", "reply": "of another task"},
    )
    assert verdicts(file, pair("v1_0"))["v1_0"].replies == (("x", "0.5"), ("0.7",))


@pytest.mark.parametrize(
    ("said", "replies"),
    [
        ({"judge_output": "8 7"}, (("8 7",),)),
        ({"content": "8 7\nSo", "tuple": [8, 7]}, (("8 7\nSo",),)),
        ({"judge_outputs": [["x", "0.1"], ["0.2"]]}, (("x", "0.1"), ("0.2",))),
    ],
)
def test_review_files_of_others_are_read_too(
    tmp_path: Path, said: dict[str, JSON], replies: tuple[tuple[str, ...], ...]
) -> None:
    file = write(tmp_path, {"id": "v1_0", **said})
    assert verdicts(file, pair("v1_0"))["v1_0"].replies == replies


def test_a_verdict_holds_for_the_answer_that_was_judged_alone(tmp_path: Path) -> None:
    file = write(tmp_path, {"id": "v1_0", "reply": "1"}, {"id": "v1_1", "reply": "0"})
    said = verdicts(file, pair("v1_0"), pair("v1_1"))
    ((sample, _),) = judged([pair("v1_0"), pair("v1_1", "a dog"), pair("v1_2")], said)
    assert (sample.question_id, replies_to(sample)) == ("v1_0", [["1"]])


def test_a_line_that_quotes_another_answer_is_an_error(tmp_path: Path) -> None:
    file = write(tmp_path, {"id": "v1_0", "text": "a dog", "reply": "1"})
    with pytest.raises(DataError, match=r"said.jsonl:1: this reply judges another answer"):
        verdicts(file, pair("v1_0"))


def test_a_judges_name_is_given_or_in_the_file_or_the_files(tmp_path: Path) -> None:
    file = write(tmp_path, {"id": "v1_0", "reply": "1"})
    assert open_judge(f"replay:{file}").name == "replay:said"
    assert open_judge(f"replay:{file},name=gpt-4-0613").name == "gpt-4-0613"
    write(tmp_path, {"id": "v1_0", "reply": "1", "judge": "gpt-4"})
    assert open_judge(f"replay:{file}").name == "gpt-4"
    write(tmp_path, *({"id": "v1_0", "reply": "1", "judge": name} for name in "ab"))
    with pytest.raises(DataError, match="replies of 2 judges, a, b"):
        open_judge(f"replay:{file}")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"id": "v1_0"}, "said.jsonl:1: no reply of a judge; it stands under 'reply'"),
        ({"id": "v1_0", "reply": 1}, "said.jsonl:1: 'reply' must be text, got 1"),
        ({"id": "v1_0", "judge_outputs": ["x"]}, "said.jsonl:1: 'judge_outputs' must be a list"),
        ({"id": "v1_0", "reply": "1", "repeat": "a"}, "said.jsonl:1: 'repeat' must be an integer"),
    ],
)
def test_a_broken_file_is_found_when_it_is_opened(
    tmp_path: Path, row: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        open_judge(f"replay:{write(tmp_path, row)}")


def test_a_judge_that_is_none_is_told_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only recorded replies can judge as yet: replay:FILE"):
        open_judge("openai:gpt-4")
    with pytest.raises(MissingData, match="no such file"):
        open_judge(f"replay:{tmp_path}/none.jsonl")


def test_a_judged_task_demands_one() -> None:
    with pytest.raises(UsageError, match="mm_vet: marked by a judge; give --judge replay:FILE"):
        demand_judge([load_task("pope"), TASK], None)
    demand_judge([load_task("pope")], None)
