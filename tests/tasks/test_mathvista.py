"""MathVista: the authors' rules by hand, the wording of problems, and broken files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Record, Response, Sample
from lvlm_eval.tasks.mathvista import TASK

RULES, RAW, UNLESS_EMPTY, STRIPPED = TASK.variants
PROBLEM: dict[str, JSON] = {
    "question_type": "free_form",
    "answer_type": "float",
    "choices": None,
    "precision": 1.0,
    "answer": "4.5",
    "question": "How long?",
    "image": "images/1.jpg",
    "unit": "cm",
    "query": "",
    "metadata": {"language": "english", "task": "geometry", "skills": ["a", "b"]},
}
CHOICE = {**PROBLEM, "question_type": "multi_choice", "answer_type": "text", "unit": None}
CHOICE |= {"choices": ["red", "blue", "green"], "answer": "blue", "precision": None}


def problems(root: Path, *rows: dict[str, JSON], file: str = "testmini.json") -> list[Sample]:
    write_data({f"mathvista/{file}": {str(n): row for n, row in enumerate(rows)}}, root)
    return list(TASK.samples(root))


def mark(sample: Sample, text: str, variant: str = RULES) -> Record:
    response = Response(sample.question_id, text, "stop")
    return Record(sample, response, TASK.variants[variant].score(sample, response))


@pytest.mark.parametrize(
    ("text", "variants"),
    [
        ("4.50", (RULES, RAW, UNLESS_EMPTY, STRIPPED)),
        ('The answer is "4.54".', (RULES,)),
        ("The answer is 4.5.", ()),
        (" 4.46\n", (RULES, RAW, UNLESS_EMPTY, STRIPPED)),
        ("4.5 cm", ()),
    ],
)
def test_which_rules_take_a_number(tmp_path: Path, text: str, variants: tuple[str, ...]) -> None:
    (sample,) = problems(tmp_path, PROBLEM)
    right = {name for name in TASK.variants if mark(sample, text, name).score.values["correct"]}
    assert right == set(variants)


@pytest.mark.parametrize(
    ("text", "variants"),
    [
        ("blue", (RULES, RAW, UNLESS_EMPTY, STRIPPED)),
        ("It is (b), not (A).", (RAW, UNLESS_EMPTY, STRIPPED)),
        ("B", (RAW, UNLESS_EMPTY, STRIPPED)),
        ("bleu?", (RAW, UNLESS_EMPTY, STRIPPED)),
        ('The answer is "B".', (RULES,)),
        ("(Z)", ()),
    ],
)
def test_which_rules_take_an_option(tmp_path: Path, text: str, variants: tuple[str, ...]) -> None:
    (sample,) = problems(tmp_path, CHOICE)
    right = {name for name in TASK.variants if mark(sample, text, name).score.values["correct"]}
    assert right == set(variants)


def test_an_empty_answer_chooses_the_shortest_option_unless_that_is_turned_off(
    tmp_path: Path,
) -> None:
    (sample,) = problems(tmp_path, {**CHOICE, "answer": "red"})
    for variant in (RULES, RAW, STRIPPED):
        assert mark(sample, "", variant).score.values["correct"] == 1
    assert mark(sample, "", UNLESS_EMPTY).score.values["correct"] == 0
    assert mark(sample, "").score.answer is None


def test_white_space_around_a_list_costs_the_point_but_in_lmms_eval(tmp_path: Path) -> None:
    (sample,) = problems(tmp_path, {**PROBLEM, "answer_type": "list", "answer": "[1, 2]"})
    assert mark(sample, "[1, 2]\n", RAW).score.values["correct"] == 0
    assert mark(sample, "[1, 2]\n", STRIPPED).score.values["correct"] == 1


def test_a_problem_counts_for_each_of_its_skills(tmp_path: Path) -> None:
    metadata = {"language": "english", "task": "geometry", "skills": ["b"]}
    first, second = problems(tmp_path, PROBLEM, {**PROBLEM, "metadata": metadata})
    sums = TASK.scorer.tally([mark(first, "4.5"), mark(second, "5")])
    metrics = TASK.scorer.finish(sums)
    assert (metrics["accuracy"], metrics["skills/a"], metrics["skills/b"]) == (0.5, 1, 0.5)
    assert metrics["task/geometry"] == 0.5


def test_a_problem_is_worded_as_its_file_does_or_from_its_parts(tmp_path: Path) -> None:
    number, choice, own = problems(tmp_path, PROBLEM, CHOICE, {**PROBLEM, "query": "Own words"})
    assert number.prompt.text == (
        "Hint: Please answer the question requiring a floating-point number with one decimal place "
        "and provide the final value, e.g., 1.2, 1.3, 1.4, at the end.\n"
        "Question: How long? (Unit: cm)"
    )
    assert choice.prompt.text == (
        "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, "
        "at the end.\nQuestion: How long?\nChoices:\n(A) red\n(B) blue\n(C) green"
    )
    assert own.prompt.text == "Own words"


def test_the_test_split_is_asked_but_has_no_targets(tmp_path: Path) -> None:
    write_data({"mathvista/test.json": {"9": {**PROBLEM, "answer": ""}}}, tmp_path)
    (sample,) = load_task("mathvista_test").samples(tmp_path)
    assert (sample.question_id, sample.target) == ("9", None)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"answer": 4.5}, "testmini.json:1: 'answer' must be text, got 4.5"),
        ({"metadata": None}, "testmini.json:1: 'metadata' must be an object"),
        ({"precision": "1"}, "testmini.json:1: 'precision' must be a number"),
        ({"precision": 3.0}, "testmini.json:1: no wording for 'answer_type' 'float' of that"),
        ({"question_type": "multi_choice", "choices": []}, "testmini.json:1: .* without 'choices'"),
        ({"image": "/etc/passwd"}, "testmini.json:1: path .* leaves the data root"),
    ],
)
def test_a_wrong_problem_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        problems(tmp_path, {**PROBLEM, **change})
