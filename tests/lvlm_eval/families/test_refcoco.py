"""RefCOCO's rows: what becomes of them, and what is said of wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.families.refcoco import reader
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Sample

ROW: dict[str, JSON] = {
    "question_id": "7",
    "image_width": 200,
    "image_height": 100,
    "bbox": [0, 50, 100.5, 50],
    "answer": "the left dog",
    "file_name": "COCO_train2014_000000000009_3.jpg",
    "split": "val",
}


def read(root: Path, *rows: Mapping[str, JSON]) -> list[Sample]:
    write_data({"refcoco/refcoco.json": list(rows)}, root)
    return list(reader("refcoco", "RefCOCO", ("val", "testA"))(root))


def test_an_expression_is_asked_about_cocos_own_picture(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, ROW)
    assert sample.question_id == "7"
    assert sample.target == [0, 50, 100.5, 50]
    assert sample.prompt.text.endswith("this sentence describes: the left dog")
    assert sample.prompt.images[0].path == (
        tmp_path / "coco/train2014/COCO_train2014_000000000009.jpg"
    )
    assert sample.cluster == "COCO_train2014_000000000009.jpg"


def test_a_row_an_object_and_a_row_an_expression_are_the_same_questions(tmp_path: Path) -> None:
    texts = ["the left dog", "dog", "brown one"]
    by_object = read(tmp_path, {**ROW, "answer": texts}, {**ROW, "question_id": 8})
    rows = [{**ROW, "answer": text} for text in texts]
    by_expression = read(tmp_path, *rows, {**ROW, "question_id": 8})
    assert [s.question_id for s in by_object] == ["7#1", "7#2", "7#3", "8"]
    assert [(s.question_id, s.prompt.text) for s in by_object] == [
        (s.question_id, s.prompt.text) for s in by_expression
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"bbox": [1, 2, 3]}, r"refcoco.json:1: 'bbox' must be four numbers"),
        ({"bbox": [1, 2, 0, 4]}, r"refcoco.json:1: 'bbox' has no area"),
        ({"image_width": 0}, r"refcoco.json:1: 'image_width' must be at least 1 pixel, got 0"),
        ({"split": "train"}, r"refcoco.json:1: 'split' must be one of val, testA, got 'train'"),
        ({"file_name": "../a.jpg"}, r"refcoco.json:1: path .* leaves the data root"),
        ({"answer": ["a", 1]}, r"refcoco.json:1: 'answer' must be a list of texts"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        read(tmp_path, {**ROW, **change})


@pytest.mark.parametrize("name", ["refcoco", "refcoco_plus", "refcocog"])
def test_each_collection_is_a_task_of_its_own(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=f"{name}: no data: .*{name}/{name}.json"):
        list(load_task(name).samples(tmp_path))
