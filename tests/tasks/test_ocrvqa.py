"""OCR-VQA: the test split of the authors' file, and equality without case."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Response

Write = Callable[[Mapping[str, JSON]], Path]

TASK = load_task("ocrvqa")
COVER: dict[str, JSON] = {
    "imageURL": "http://ecx.images-amazon.com/images/I/61Y5c.jpg",
    "questions": ["Who wrote this book?", "Is this a games related book?"],
    "answers": ["Sandra B. Author", "No"],
    "title": "Wall Calendar",
    "authorName": "Sandra B. Author",
    "genre": "Calendars",
    "split": 3,
}


def written(write: Write, **covers: JSON) -> Path:
    return write({"ocrvqa/dataset.json": covers})


def test_only_the_test_split_is_asked_a_question_at_a_time(write: Write) -> None:
    others = {str(split): {**COVER, "split": split} for split in (1, 2)}
    png = {**COVER, "imageURL": "http://x/y.png", "questions": ["Q?"], "answers": ["A"]}
    root = written(write, **others, **{"761183272": COVER, "8": png})
    found = list(TASK.samples(root))
    assert [s.question_id for s in found] == ["761183272/0", "761183272/1", "8/0"]
    assert [s.target for s in found] == ["Sandra B. Author", "No", "A"]
    assert [s.cluster for s in found] == ["761183272", "761183272", "8"]
    assert found[0].prompt.text == (
        "Who wrote this book?\nAnswer the question using a single word or phrase."
    )
    paths = [s.prompt.images[0].path for s in found]
    folder = root / "ocrvqa/images"
    assert paths == [folder / "761183272.jpg", folder / "761183272.jpg", folder / "8.png"]


def test_pictures_may_lie_where_llava_has_them(write: Write) -> None:
    root = written(write, a=COVER)
    (root / "ocr_vqa/images").mkdir(parents=True)
    assert next(TASK.samples(root)).prompt.images[0].path == root / "ocr_vqa/images/a.jpg"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (" sandra b. author\n", 1),
        ("Sandra B. Author.", 0),
        ("Sandra B Author", 0),
        ("By Sandra B. Author", 0),
        ("", 0),
    ],
)
def test_the_whole_answer_must_be_met_case_and_blanks_around_apart(
    write: Write, text: str, right: int
) -> None:
    sample = next(TASK.samples(written(write, a=COVER)))
    score = TASK.scorer.score(sample, Response(sample.question_id, text, "stop"))
    assert score.values["correct"] == right


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": ["No"]}, "2 'questions' and 1 'answers'"),
        ({"split": "3"}, "'split' must be an integer"),
        ({"imageURL": None}, "'imageURL' must be text"),
    ],
)
def test_a_wrong_cover_is_named_with_its_line(
    write: Write, change: dict[str, JSON], message: str
) -> None:
    root = written(write, a={**COVER, **change})
    with pytest.raises(DataError, match=rf"dataset.json:\d+: .*{message}"):
        list(TASK.samples(root))
