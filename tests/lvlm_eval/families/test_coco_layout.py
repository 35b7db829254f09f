"""Captions in COCO's layout: what becomes of the file, Karpathy's split, broken files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Sample

FILE: dict[str, JSON] = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
    "annotations": [
        {"image_id": 8, "caption": "b"},
        {"image_id": 7, "caption": "a"},
        {"image_id": 7, "caption": "a"},
    ],
}


def read(root: Path, change: dict[str, JSON], **others: JSON) -> list[Sample]:
    files = {"coco_caption/captions_val2014.json": {**FILE, **change}}
    write_data(files | {f"coco_caption/{k}.json": v for k, v in others.items()}, root)
    return list(load_task("coco_caption").samples(root))


def test_an_image_is_a_question_with_all_its_captions(tmp_path: Path) -> None:
    first, second = read(tmp_path, {})
    assert (first.question_id, first.target) == ("7", ["a", "a"])
    assert (second.question_id, second.target) == ("8", ["b"])
    assert first.prompt.text == "Provide a one-sentence caption for the provided image."
    assert first.prompt.images[0].path == tmp_path / "coco/val2014/a.jpg"


def test_with_karpathys_file_only_its_test_split_is_asked(tmp_path: Path) -> None:
    splits: JSON = {
        "images": [{"cocoid": 7, "split": "val"}, {"cocoid": 8, "split": "test"}],
        "dataset": "coco",
    }
    (sample,) = read(tmp_path, {}, dataset_coco=splits)
    assert sample.question_id == "8"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"annotations": []}, "captions_val2014.json:1: no caption of image 7"),
        ({"images": [{"id": "7", "file_name": "a.jpg"}]}, "json:1: 'id' must be an integer"),
        ({"images": [{"id": 7, "file_name": "../a.jpg"}]}, "json:1: path .* leaves the data root"),
        ({"annotations": [{"image_id": 7, "caption": None}]}, "json:1: 'caption' must be text"),
    ],
)
def test_a_wrong_entry_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        read(tmp_path, change)


def test_an_unknown_domain_of_nocaps_is_an_error(tmp_path: Path) -> None:
    write_data({"nocaps/nocaps_val_4500_captions.json": FILE}, tmp_path)
    with pytest.raises(DataError, match="json:1: 'domain' is missing"):
        list(load_task("nocaps").samples(tmp_path))
