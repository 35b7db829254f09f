"""Files for servers: every id once, blanks where not asked, nothing missing, faults named."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError, TooFewAnswers
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Prompt, Response, Sample, Upload
from lvlm_eval.sheet import read_sheet
from lvlm_eval.uploads import check_upload, make_upload

SAMPLES = [Sample(str(n), Prompt.user(f"{n}?"), None) for n in (7, 3)]
ANSWERS = {s.question_id: Response(s.question_id, f"a{s.question_id}", "stop") for s in SAMPLES}
HERE = Path()


def entry(sample: Sample, text: str) -> Mapping[str, int | str]:
    return {"id": int(sample.question_id), "answer": text.upper()}


def blanks(_: Path) -> Iterator[Mapping[str, int | str]]:
    return ({"id": number, "answer": ""} for number in (1, 3, 5, 7))


LIST = Upload("list", entry, "id", "answer")


def test_a_list_has_the_questions_asked_in_their_order() -> None:
    content = json.loads(make_upload(LIST, SAMPLES, ANSWERS, HERE))
    assert content == [{"id": 7, "answer": "A7"}, {"id": 3, "answer": "A3"}]


def test_a_mapping_has_an_answer_an_id() -> None:
    upload = Upload("mapping", lambda s, text: {"id": s.question_id, "of": text}, "id", "of")
    content = make_upload(upload, SAMPLES, ANSWERS, HERE)
    assert json.loads(content) == {"7": "a7", "3": "a3"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"7": "a"}', "absent: 3"),
        ('{"7": "a", "3": "b", "7": "c"}', "repeated: 7"),
        ('{"7": "a", "3": 4}', "row 2 of the upload needs 'id' and 'answer' as text"),
        ('["7", "3"]', "must be an object of answers by id"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_named(content: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        check_upload(replace(LIST, kind="mapping"), content.encode(), ["7", "3"])


def test_a_sheet_has_a_row_a_question() -> None:
    content = make_upload(replace(LIST, kind="sheet"), SAMPLES, ANSWERS, HERE)
    assert read_sheet(content) == [{"id": 7, "answer": "A7"}, {"id": 3, "answer": "A3"}]


def test_ids_that_were_not_asked_are_there_and_blank_in_the_servers_order() -> None:
    content = json.loads(make_upload(replace(LIST, blanks=blanks), SAMPLES, ANSWERS, HERE))
    assert [(row["id"], row["answer"]) for row in content] == [
        (1, ""),
        (3, "A3"),
        (5, ""),
        (7, "A7"),
    ]


def test_a_question_that_is_not_in_the_servers_list_is_an_error() -> None:
    extra = [*SAMPLES, Sample("8", Prompt.user("8?"), None)]
    answers = {**ANSWERS, "8": Response("8", "x", "stop")}
    with pytest.raises(DataError, match=r"1 questions .* not in the server's list of ids \(8\)"):
        make_upload(replace(LIST, blanks=blanks), extra, answers, HERE)


@pytest.mark.parametrize("finish", ["error", None])
def test_a_question_without_an_answer_stops_the_upload(finish: str | None) -> None:
    answers = {"7": ANSWERS["7"]}
    if finish:
        answers["3"] = Response("3", "", "error", error="out of memory")
    with pytest.raises(TooFewAnswers, match=r"1 of 2 questions have no answer \(3\)"):
        make_upload(LIST, SAMPLES, answers, HERE)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([{"id": 7, "answer": "a"}], "absent: 3"),
        ([{"id": 7, "answer": "a"}, {"id": 7, "answer": "b"}], "repeated: 7"),
        ([{"id": n, "answer": "a"} for n in (7, 3, 9)], "of no question: 9"),
        ([{"id": 7, "answer": 4}], "row 1 of the upload needs 'id' and 'answer' as text"),
        ({"id": 7}, "must be a list of objects"),
    ],
)
def test_what_a_server_would_refuse_is_named(content: object, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        check_upload(LIST, json.dumps(content).encode(), [7, 3])


def test_mmbench_wants_a_row_a_circular_pass_with_question_and_options() -> None:
    upload = load_task("mmbench_en").upload
    assert upload is not None
    facts: dict[str, JSON] = {"options": {"A": "red", "C": "blue"}}
    prompt = Prompt.user("a hint\nWhich?\nA. red\nC. blue\nAnswer.")
    sample = Sample("1000007", prompt, "A", facts)
    content = make_upload(upload, [sample], {"1000007": Response("1000007", "A.", "stop")}, HERE)
    (row,) = read_sheet(content)
    assert list(row) == ["index", "question", "A", "B", "C", "D", "prediction"]
    assert list(row.values()) == [1000007, "a hint\nWhich?", "red", "", "blue", "", "A."]
