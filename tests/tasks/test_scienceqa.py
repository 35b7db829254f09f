"""ScienceQA: hand-computed figures, the layouts, and broken files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import Vectors, write_data
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.schema import JSON, Record, Response, Sample
from lvlm_eval.tasks.scienceqa import TASK

PROBLEM: dict[str, JSON] = {
    "question": "What  is   it?",
    "choices": ["a cat", "a  dog", "a cow"],
    "answer": 1,
    "hint": "",
    "image": "image.png",
    "grade": "grade6",
    "subject": "natural science",
    "topic": "biology",
}


def write(root: Path, *problems: Mapping[str, JSON]) -> list[Sample]:
    """The samples of problems with the ids 7, 8 ..."""
    numbered = {str(7 + i): problem for i, problem in enumerate(problems)}
    files: dict[str, JSON] = {
        "scienceqa/problems.json": numbered,
        "scienceqa/pid_splits.json": {"test": list(numbered), "train": []},
    }
    write_data(files, root)
    return list(TASK.samples(root))


def marked(
    samples: Sequence[Sample], texts: Sequence[str | None], variant: str = "moe_llava"
) -> list[Record]:
    """The samples with their answers; None is a question that was never answered."""
    responses = [
        Response(s.question_id, text or "", "error" if text is None else "stop")
        for s, text in zip(samples, texts, strict=True)
    ]
    score = TASK.variants[variant].score
    return [Record(s, r, score(s, r)) for s, r in zip(samples, responses, strict=True)]


def test_the_prompt_is_llavas_with_pictures_as_they_are(tmp_path: Path) -> None:
    one, other = write(tmp_path, PROBLEM, {**PROBLEM, "image": None, "hint": " Look. "})
    suffix = "\nAnswer with the option's letter from the given choices directly."
    options = "Options: (A) a cat (B) a dog (C) a cow"  # doubled blanks become one, tripled two
    assert one.prompt.text == f"Context: N/A\nQuestion: What is  it?\n{options}{suffix}"
    assert other.prompt.text.startswith("Context: Look.\nQuestion:")
    assert not one.prompt.padded
    assert one.prompt.images[0].path == tmp_path / "scienceqa/images/test/7/image.png"
    assert other.prompt.images == ()
    assert (one.question_id, one.aliases, one.target) == ("test/0", ("7",), "B")


def test_figures_of_a_lopsided_set(tmp_path: Path) -> None:
    text: dict[str, JSON] = {**PROBLEM, "image": None, "subject": "social science"}
    late: dict[str, JSON] = {**PROBLEM, "grade": "grade7", "hint": "x"}
    samples = write(tmp_path, PROBLEM, PROBLEM, late, PROBLEM, text, text, text)
    records = marked(samples, ["B", "b", "B. a dog", "A", "B", "B", "The answer is B."])
    assert TASK.scorer.finish(TASK.scorer.tally(records)) == pytest.approx(
        {
            "accuracy": 5 / 7,
            "img_accuracy": 2 / 4,
            "lenient/img_accuracy": 3 / 4,
            "subject/natural science": 2 / 4,
            "subject/social science": 1,
            "context/image": 2 / 4,
            "context/hint": 1,
            "context/none": 1,
            "grade/1-6": 4 / 6,
            "grade/7-12": 1,
        }
    )


def test_without_an_answer_a_question_is_wrong_and_leaves_the_images_in_llavas_script(
    tmp_path: Path,
) -> None:
    records = marked(write(tmp_path, PROBLEM, PROBLEM, PROBLEM), ["B", None, "C"])
    assert TASK.variants["moe_llava"].official(records) == {
        "metrics": {
            "total": 3,
            "correct": 1,
            "accuracy": pytest.approx(100 / 3),
            "printed_accuracy": "33.33",
            "printed_img_accuracy": "50.00",
            "img_correct": 1,
            "img_total": 2,
        },
        "per_item": {"test/0": 1, "test/1": 0, "test/2": 0},
        "per_item_parsed": {"test/0": "B", "test/1": "FAILED", "test/2": "C"},
    }
    printed = TASK.variants["moe_llava"].official(marked(write(tmp_path / "x", PROBLEM), [None]))
    assert isinstance(printed["metrics"], Mapping)
    assert printed["metrics"]["printed_img_accuracy"] is None


def test_the_authors_table_prints_minus_one_for_what_is_not_there(tmp_path: Path) -> None:
    records = marked(write(tmp_path, PROBLEM, PROBLEM, PROBLEM), ["B", "B", "C"])
    table = TASK.variants["official_repo_breakdown_of_moe_llava_parse"].official(records)["metrics"]
    assert isinstance(table, Mapping)
    rest = {name: value for name, value in table.items() if value != -1}
    assert rest == dict.fromkeys(
        ("acc_natural", "acc_has_image", "acc_grade_1_6", "acc_average", "acc_biology"), "66.67"
    )
    assert len(table) == 35


def test_lmms_eval_takes_letters_in_any_case(tmp_path: Path) -> None:
    texts = ["b", "B.", "The answer is B."]
    records = marked(write(tmp_path, PROBLEM, PROBLEM, PROBLEM), texts, "lmms_eval")
    assert [r.score.values["correct"] for r in records] == [1, 1, 0]


def test_the_hubs_rows_give_the_samples_of_the_authors_files(
    vectors: Callable[[str], Vectors],
    official: Callable[[str], Path],
    hub: Callable[..., Path],
    content: Callable[[Sequence[Sample]], list[JSON]],
    tmp_path: Path,
) -> None:
    problems = vectors("scienceqa").annotations["problems.json"]
    assert isinstance(problems, Mapping)
    rows = []
    for problem in problems.values():
        assert isinstance(problem, Mapping)
        pictured = problem["image"] is not None
        rows.append({k: v for k, v in problem.items() if k != "image" or not pictured})
    file = tmp_path / "scienceqa/ScienceQA-FULL/test-00000-of-00001.parquet"
    hub(file, rows, {"image": 0})
    samples = list(TASK.samples(tmp_path))
    ours = list(TASK.samples(official("scienceqa")))
    assert content(samples) == content(ours)
    assert len(samples) == 88


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"answer": 3}, r"problems.json:1: the answer 3 is not among the 3 choices"),
        ({"choices": "cat"}, r"problems.json:1: 'choices' must be a list, got \"cat\""),
        ({"image": "../x.png"}, "problems.json:1: path .*leaves the data root"),
        ({"subject": None}, "problems.json:1: 'subject' must be text, got null"),
    ],
)
def test_a_wrong_problem_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        write(tmp_path, PROBLEM, {**PROBLEM, **change})


def test_a_split_of_other_problems_is_refused(tmp_path: Path) -> None:
    write(tmp_path, PROBLEM)
    (tmp_path / "scienceqa/pid_splits.json").write_text('{"test": ["7", "9"]}')
    with pytest.raises(DataError, match=r"pid_splits.json:1: problem '9' is not in problems.json"):
        list(TASK.samples(tmp_path))
    (tmp_path / "scienceqa/pid_splits.json").unlink()
    with pytest.raises(MissingData, match=r"pid_splits.json"):
        list(TASK.samples(tmp_path))


def test_nothing_answered_has_no_figures() -> None:
    assert TASK.scorer.finish({}) == {}
    assert all(math.isnan(v) for v in TASK.scorer.finish({"accuracy|n": 0.0}).values())
