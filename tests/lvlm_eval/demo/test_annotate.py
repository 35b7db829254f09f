from __future__ import annotations

import numpy as np
import pytest

from lvlm_eval.demo.annotate import (
    Asked,
    answer_type,
    coco_name,
    gqa_documents,
    mme_lines,
    pope_rows,
    question_type,
    vqav2_documents,
)
from lvlm_eval.demo.question import Program, Question, Step


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What color is the star?", "what color is the"),
        ("What is the color of the star?", "what is the color of the"),
        ("What is the red shape?", "what is the"),
        ("How many stars are there?", "how many"),
        ("Is there an orange ring?", "is there an"),
        ("Name it.", "none of the above"),
    ],
)
def test_the_longest_opening_is_the_question_type(text: str, expected: str) -> None:
    assert question_type(text) == expected


def test_answer_types() -> None:
    answers = ("yes", "no", "3", "red")
    assert [answer_type(answer) for answer in answers] == ["yes/no", "yes/no", "number", "other"]


def test_vqav2_ids_join_questions_and_annotations() -> None:
    asked = [
        Asked("7", Question("How many stars are there?", "2", "count")),
        Asked("7", Question("Is there a star?", "yes", "exists")),
        Asked("9", Question("What color is the star?", "red", "color")),
    ]
    questions, annotations = vqav2_documents(asked, np.random.default_rng(0))
    rows, marks = questions["questions"], annotations["annotations"]
    assert isinstance(rows, list)
    assert isinstance(marks, list)
    assert [row["question_id"] for row in rows] == [7000, 7001, 9000]
    assert [mark["question_id"] for mark in marks] == [7000, 7001, 9000]
    assert [mark["answer_type"] for mark in marks] == ["number", "yes/no", "other"]


def test_at_least_eight_of_ten_annotators_give_the_true_answer() -> None:
    asked = [Asked("1", Question("Is there a star?", "yes", "exists"))] * 300
    _, annotations = vqav2_documents(asked, np.random.default_rng(0))
    marks = annotations["annotations"]
    assert isinstance(marks, list)
    true = [[a["answer"] for a in mark["answers"]].count("yes") for mark in marks]
    assert {len(mark["answers"]) for mark in marks} == {10}
    assert set(true) == {8, 9, 10}


def _about(kind: str, structural: str, about: str, answer: str) -> Question:
    steps = (Step("select", "star"), Step("query", "color", (0,)))
    program = Program(steps, structural, "attr", "x", None, about, (answer, "z"), "Full.")
    return Question(f"{kind}?", answer, kind, program)


def test_an_open_question_entails_the_closed_ones_about_its_fact_and_not_the_reverse() -> None:
    asked = [
        Asked("a", _about("color", "query", "color of star", "red")),
        Asked("a", _about("verify", "verify", "color of star", "yes")),
        Asked("a", _about("verify", "verify", "color of ring", "no")),
        Asked("b", _about("verify", "verify", "color of star", "no")),
    ]
    questions, choices = gqa_documents(asked)
    first, second, *_ = ids = list(questions)
    entailed = [questions[i]["entailed"] for i in ids]  # type: ignore[index, call-overload]
    assert entailed == [[first, second], [second], [ids[2]], [ids[3]]]
    assert choices[first] == {"valid": ["red", "z"], "plausible": ["red"]}


def test_a_program_is_also_written_as_one_line() -> None:
    questions, _ = gqa_documents([Asked("a", _about("color", "query", "color of star", "red"))])
    (only,) = questions.values()
    assert only["semanticStr"] == "select: star->query: color [0]"  # type: ignore[index, call-overload]


def test_pope_rows_are_numbered_from_one() -> None:
    asked = [Asked("12", Question("Is there a star in the image?", "no", "pope"))] * 2
    assert pope_rows(asked)[1] == {
        "question_id": 2,
        "image": "COCO_val2014_000000000012.jpg",
        "text": "Is there a star in the image?",
        "label": "no",
    }


def test_mme_lines_hold_question_tab_and_answer() -> None:
    pair = [Question("A?", "yes", "count"), Question("B?", "no", "count")]
    assert mme_lines(pair, " Please.") == "A? Please.\tYes\nB? Please.\tNo\n"


def test_coco_names_have_twelve_digits() -> None:
    assert coco_name("5") == "COCO_val2014_000000000005.jpg"
