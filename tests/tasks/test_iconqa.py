"""IconQA: the authors' lists of the test split, letters for options, the text of a blank."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.metrics import add_up
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Record, Response

Write = Callable[[Mapping[str, JSON]], Path]

TASK = load_task("iconqa")
TEXT: dict[str, JSON] = {
    "question": "Which shape is it?", "choices": ["circle", "square", "triangle"], "answer": 1,
    "ques_type": "choose_txt", "grade": "grade1", "split": "test",
}  # fmt: skip
BLANK: dict[str, JSON] = {
    "question": "How many stars are there?", "answer": "7", "ques_type": "fill_in_blank",
    "split": "test",
}  # fmt: skip
IMAGE: dict[str, JSON] = {
    "question": "Which is larger?", "choices": ["choice_0.png", "choice_1.png"], "answer": 0,
    "ques_type": "choose_img", "split": "test",
}  # fmt: skip
PROBLEMS: dict[str, JSON] = {"3": TEXT, "5": BLANK, "9": IMAGE, "11": {**TEXT, "split": "train"}}
LISTS: dict[str, JSON] = {
    "choose_txt_test": ["3"], "fill_in_blank_test": ["5"], "choose_img_test": ["9"],
    "choose_txt_train": ["11"],
}  # fmt: skip


def written(
    write: Write,
    problems: dict[str, JSON] = PROBLEMS,
    lists: dict[str, JSON] = LISTS,
    folder: str = "iconqa",
) -> Path:
    return write({f"{folder}/problems.json": problems, f"{folder}/pid_splits.json": lists})


@pytest.mark.parametrize("folder", ["iconqa", "iconqa/iconqa_data"])
def test_text_options_and_blanks_of_the_test_split_are_asked(write: Write, folder: str) -> None:
    root = written(write, folder=folder)
    option, blank = TASK.samples(root)
    assert (option.question_id, option.target, option.groups) == ("3", "B", {"kind": "choose_txt"})
    assert option.prompt.text == (
        "Which shape is it?\nA. circle\nB. square\nC. triangle\n"
        "Answer with the option's letter from the given choices directly."
    )
    assert (blank.question_id, blank.target) == ("5", "7")
    assert blank.prompt.text == (
        "How many stars are there?\nAnswer the question using a single word or phrase."
    )
    pictures = root / folder / "iconqa/test"
    assert option.prompt.images[0].path == pictures / "choose_txt/3/image.png"
    assert blank.prompt.images[0].path == pictures / "fill_in_blank/5/image.png"


def test_each_kind_is_a_task_of_its_own(write: Write) -> None:
    root = written(write)
    for kind, question in (("choose_txt", "3"), ("fill_in_blank", "5")):
        found = load_task(f"iconqa_{kind}").samples(root)
        assert [sample.question_id for sample in found] == [question]


@pytest.mark.parametrize(
    ("texts", "marks"),
    [
        (("B", "7"), (1, 1)),
        (("(B) square", "7."), (1, 1)),
        (("square", " 7 "), (1, 1)),
        (("A", "seven"), (0, 0)),
        (("", ""), (0, 0)),
    ],
)
def test_options_are_read_by_letter_or_text_and_blanks_whole(
    write: Write, texts: tuple[str, str], marks: tuple[int, int]
) -> None:
    records = []
    for sample, text in zip(TASK.samples(written(write)), texts, strict=True):
        response = Response(sample.question_id, text, "stop")
        records.append(Record(sample, response, TASK.scorer.score(sample, response)))
    assert tuple(record.score.values["correct"] for record in records) == marks
    figures = TASK.scorer.finish(add_up([TASK.scorer.tally([record]) for record in records]))
    assert figures["accuracy"] == sum(marks) / 2
    assert (figures["kind/choose_txt"], figures["kind/fill_in_blank"]) == marks


@pytest.mark.parametrize(
    ("problems", "message"),
    [
        ({"3": {**TEXT, "answer": 3}, "5": BLANK}, r"problems.json:\d+: the answer '3' is not"),
        ({"3": {**TEXT, "answer": -1}, "5": BLANK}, r"problems.json:\d+: the answer '-1' is not"),
        ({"5": BLANK}, r"problems.json: no problem has the id '3'"),
        ({"3": BLANK, "5": BLANK}, r"problems.json:\d+: 'ques_type' is 'fill_in_blank'"),
    ],
)
def test_wrong_problems_are_named(write: Write, problems: dict[str, JSON], message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(TASK.samples(written(write, problems)))
