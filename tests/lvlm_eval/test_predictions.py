"""Joining answers made elsewhere: by id, by others' ids, by occurrence; and broken files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.errors import PredictionError
from lvlm_eval.predictions import join_predictions, read_predictions
from lvlm_eval.schema import JSON, Image, Prompt, Sample


def sample(question_id: str, *aliases: str, asks: str = "?") -> Sample:
    return Sample(question_id, Prompt.user(Image(Path("a")), asks), "yes", aliases=aliases)


SAMPLES = [
    sample("random/1", "7"),
    sample("popular/1", "9"),
    sample("x.png#1", asks="first"),
    sample("x.png#2", asks="second"),
    sample("v1#red"),
]


def answers(folder: Path, *rows: Mapping[str, JSON]) -> Path:
    path = folder / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_ids_may_be_ours_or_an_alias_as_text_or_number_under_either_key(tmp_path: Path) -> None:
    path = answers(
        tmp_path,
        {"id": "popular/1", "text": " No\n"},
        {"question_id": 7, "text": "", "model_id": "m"},
        {"id": "v1#red", "text": "a"},
    )
    found = [(r.question_id, r.text, r.finish) for r in read_predictions(path, SAMPLES)]
    assert found == [
        ("popular/1", " No\n", "stop"),
        ("random/1", "", "stop"),
        ("v1#red", "a", "stop"),
    ]
    assert [one.written_id for one in join_predictions(path, SAMPLES)] == [
        "popular/1",
        "7",
        "v1#red",
    ]


def test_the_nth_row_of_a_repeated_id_answers_the_nth_question(tmp_path: Path) -> None:
    path = answers(tmp_path, *({"id": "x.png", "text": text} for text in "ab"))
    found = {r.question_id: r.text for r in read_predictions(path, SAMPLES)}
    assert found == {"x.png#1": "a", "x.png#2": "b"}


def test_a_row_that_repeats_its_prompt_answers_that_question_whatever_its_place(
    tmp_path: Path,
) -> None:
    rows = ({"id": "x.png", "text": asks[0], "prompt": asks} for asks in ("second", "first"))
    found = {r.question_id: r.text for r in read_predictions(answers(tmp_path, *rows), SAMPLES)}
    assert found == {"x.png#1": "f", "x.png#2": "s"}


def test_an_alias_that_several_questions_share_goes_by_occurrence(tmp_path: Path) -> None:
    shared = [sample("a/1.png#1", "a/images/1.png"), sample("a/1.png#2", "a/images/1.png")]
    path = answers(tmp_path, *({"id": "a/images/1.png", "text": text} for text in "ab"))
    assert [r.question_id for r in read_predictions(path, shared)] == ["a/1.png#1", "a/1.png#2"]


@given(order=st.permutations(range(5)))
def test_the_order_of_the_rows_does_not_matter_where_ids_are_unique(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    rows = [{"id": SAMPLES[place].question_id, "text": str(place)} for place in order]
    path = answers(tmp_path_factory.mktemp("answers"), *rows)
    found = {r.question_id: r.text for r in read_predictions(path, SAMPLES)}
    assert found == {s.question_id: str(place) for place, s in enumerate(SAMPLES)}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"id": "nobody", "text": "a"}', ":2: no question has the id 'nobody'"),
        ('{"id": "random/1", "text": "a"}', ":2: question 'random/1' is answered twice, before"),
        ('{"id": 7, "text": "a"}', ":2: question '7' is answered twice, before at .*jsonl:1"),
        ('{"text": "a"}', ":2: 'id' is missing"),
        ('{"id": "popular/1"}', ":2: 'text' is missing"),
        ('{"id": "popular/1", "text": null}', ":2: 'text' must be text, got null"),
        ('{"id": "popular/1", "text": "a"', ":2: not JSON"),
        ('["popular/1", "a"]', ":2: must be an object"),
    ],
)
def test_a_row_that_cannot_be_joined_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = answers(tmp_path, {"id": "random/1", "text": "yes"})
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(PredictionError, match=f"answers.jsonl{complaint}"):
        read_predictions(path, SAMPLES)


def test_a_third_answer_to_two_questions_is_one_too_many(tmp_path: Path) -> None:
    path = answers(tmp_path, *[{"id": "x.png", "text": "a"}] * 3)
    with pytest.raises(PredictionError, match=r":3: question 'x.png' is answered twice"):
        read_predictions(path, SAMPLES)


def test_a_missing_file_is_a_prediction_error(tmp_path: Path) -> None:
    with pytest.raises(PredictionError, match="no such file"):
        read_predictions(tmp_path / "none.jsonl", SAMPLES)


def test_a_judges_recorded_replies_stay_with_the_answer(tmp_path: Path) -> None:
    path = answers(
        tmp_path, {"id": "7", "text": "x", "judge_output": "B", "judge_scores": [1], "model": "m"}
    )
    (response,) = read_predictions(path, SAMPLES)
    assert response.judge == {"judge_output": "B", "judge_scores": [1]}


def test_a_field_named_like_another_question_answers_that_one(tmp_path: Path) -> None:
    both = [sample("q"), sample("q/choice"), sample("r")]
    path = answers(
        tmp_path, {"id": "q", "text": "red", "choice": "a", "other": 1}, {"id": "r", "text": "x"}
    )
    joined = join_predictions(path, both)
    assert [(one.written_id, one.response.question_id, one.response.text) for one in joined] == [
        ("q", "q", "red"),
        ("q/choice", "q/choice", "a"),
        ("r", "r", "x"),
    ]
    broken = answers(tmp_path, {"id": "q", "text": "red", "choice": 1})
    with pytest.raises(PredictionError, match=r"answers.jsonl:1: 'choice' must be text, got 1"):
        list(join_predictions(broken, both))
