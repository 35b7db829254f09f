"""GQA in Russian: two configurations joined, and equality without case and punctuation."""

from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import Response

from .hub_files import write_split

TASK = load_task("gqa_ru")
ROW = {"id": "20", "imageId": "n1", "question": "Какого цвета кот?", "answer": "Чёрный"}


def write(root: Path, *rows: dict[str, str], pictures: tuple[str, ...] = ("n1",)) -> Path:
    folder = root / "gqa_ru"
    write_split(folder / "testdev_balanced_instructions/testdev-00000.parquet", rows, {})
    shown = [{"id": name} for name in pictures]
    write_split(folder / "testdev_balanced_images/testdev-00000.parquet", shown, {"image": None})
    return root


def test_a_question_gets_the_picture_that_it_shares(tmp_path: Path) -> None:
    root = write(tmp_path, ROW, {**ROW, "id": "21", "question": "Это кот?", "answer": "да"})
    first, second = TASK.samples(root)
    assert first.prompt.text == "Какого цвета кот?\nОтветь одним словом."
    assert (first.target, second.target) == ("Чёрный", "да")
    assert first.prompt.images == second.prompt.images
    assert first.prompt.images[0].name == "n1.jpg"
    assert first.cluster == second.cluster == "n1"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("чёрный", 1),
        ("Чёрный.", 1),
        ("«чёрный»", 0),  # not ASCII's punctuation, the only one that is dropped
        (" чёрный", 0),  # nothing is stripped
        ("черный", 0),
        ("чёрный кот", 0),
        ("", 0),
    ],
)
def test_case_and_punctuation_do_not_count_and_all_else_does(
    tmp_path: Path, text: str, right: int
) -> None:
    (sample,) = TASK.samples(write(tmp_path, ROW))
    assert TASK.scorer.score(sample, Response("20", text, "stop")).values["correct"] == right


def test_punctuation_goes_from_the_target_too(tmp_path: Path) -> None:
    (sample,) = TASK.samples(write(tmp_path, {**ROW, "answer": "Т-образный"}))
    marks = [
        TASK.scorer.score(sample, Response("20", text, "stop")).values["correct"]
        for text in ("т-образный", "тобразный", "т образный")
    ]
    assert marks == [1, 1, 0]


def test_a_missing_picture_and_a_repeated_question_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"parquet:1: no picture has the id 'n1'"):
        list(TASK.samples(write(tmp_path / "a", ROW, pictures=("n2",))))
    with pytest.raises(DataError, match="id '20' occurs twice"):
        list(TASK.samples(write(tmp_path / "b", ROW, ROW)))
