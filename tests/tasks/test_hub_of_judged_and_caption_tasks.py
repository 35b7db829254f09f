"""Copies of the Hub's data sets give the samples that the authors' files give.

The rows are those of the recorded files under the Hub's names for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task

from .hub_files import PNG, write_split

Files = Mapping[str, Any]
Split = tuple[str, list[dict[str, Any]], str]  # its name, its rows, its column of pictures
Rows = Callable[[Files], list[Split]]


def mm_vet(files: Files) -> list[Split]:
    rows = [
        {
            **row,
            "question_id": name,
            "capability": ",".join(row["capability"]),
            "is": row["imagename"],
        }
        for name, row in files["mm-vet.json"].items()
    ]
    return [("test", rows, "image")]


def llava_bench(files: Files) -> list[Split]:
    answers = {row["question_id"]: row["text"] for row in files["answers_gpt4.jsonl"]}
    captions = {row["image"]: row["caption"] for row in files["context.jsonl"]}
    rows = []
    for row in files["questions.jsonl"]:
        caption = captions[row["image"]]
        joined = caption if isinstance(caption, str) else "\n".join(caption)
        more = {"gpt_answer": answers[row["question_id"]], "caption": joined, "is": row["image"]}
        rows.append(
            {"question": row["text"], **more, **{k: row[k] for k in ("question_id", "category")}}
        )
    return [("train", rows, "image")]


def hallusionbench(files: Files) -> list[Split]:
    rows = [dict(row) for row in files["HallusionBench.json"]]
    with_figure = [{**row, "is": None} for row in rows if row["visual_input"] != "0"]
    return [
        ("image", with_figure, "image"),
        ("non_image", [row for row in rows if row["visual_input"] == "0"], ""),
    ]


def mathvista(files: Files) -> list[Split]:
    return [
        (
            "testmini",
            [{**row, "is": None} for row in files["testmini.json"].values()],
            "decoded_image",
        )
    ]


def captions(file: str, split: str, names: Mapping[str, str], texts: str) -> Rows:
    """Rows of a file in COCO's layout; names: the Hub's column by the image's field."""

    def rows(files: Files) -> list[Split]:
        found = [
            {
                **{column: image[field] for field, column in names.items()},
                texts: [
                    a["caption"] for a in files[file]["annotations"] if a["image_id"] == image["id"]
                ],
                "is": None,
            }
            for image in files[file]["images"]
        ]
        return [(split, found, "image")]

    return rows


HUB: Mapping[str, Rows] = {
    "mm_vet": mm_vet,
    "llava_bench": llava_bench,
    "hallusionbench": hallusionbench,
    "mathvista": mathvista,
    "coco_caption": captions(
        "captions_val2014.json", "val", {"id": "id", "file_name": "file_name"}, "answer"
    ),
    "flickr30k": captions(
        "flickr30k_test_captions.json", "test", {"file_name": "filename"}, "caption"
    ),
    "nocaps": captions(
        "nocaps_val_4500_captions.json",
        "validation",
        {"id": "image_id", "file_name": "image_file_name", "domain": "image_domain"},
        "annotations_captions",
    ),
}


def write(root: Path, task: str, splits: Sequence[Split]) -> None:
    for split, rows, column in splits:
        cells = [
            {**{k: v for k, v in row.items() if k != "is"}, **_cell(row, column)} for row in rows
        ]
        pictures = {column: None} if column else {}
        write_split(root / task / f"data/{split}-00000-of-00001.parquet", cells, pictures)


def _cell(row: Mapping[str, Any], column: str) -> dict[str, Any]:
    return {column: {"bytes": PNG, "path": row.get("is")}} if column else {}


@pytest.mark.parametrize("task", HUB)
def test_the_hub_gives_the_same_samples(
    task: str,
    tmp_path: Path,
    vectors: Callable[[str], Any],
    official: Callable[[str], Path],
) -> None:
    read = load_task(task).samples
    write(tmp_path, task, HUB[task](vectors(task).annotations))
    expected = {sample.question_id: sample for sample in read(official(task))}
    found = {sample.question_id: sample for sample in read(tmp_path)}
    assert found.keys() == expected.keys()
    for name, sample in found.items():
        other = expected[name]
        assert (sample.prompt.text, sample.target) == (other.prompt.text, other.target)
        assert (sample.facts, sample.groups, sample.cluster) == (
            other.facts, other.groups, other.cluster,
        )  # fmt: skip
        names = [image.name for image in sample.prompt.images]
        assert names == [image.name for image in other.prompt.images]
        assert sample.prompt.padded == other.prompt.padded


def test_a_picture_of_refcoco_says_itself_how_large_it_is(tmp_path: Path) -> None:
    row = {"question_id": "7", "bbox": [0.0, 0.0, 1.0, 2.0], "answer": ["dog", "the dog"]}
    name = "COCO_train2014_000000000009_3.jpg"
    for split in ("val", "testA", "testB"):
        rows = [{**row, "question_id": split, "file_name": name, "is": None}]
        write(tmp_path, "refcoco", [(split, rows, "image")])
    found = list(load_task("refcoco").samples(tmp_path))
    assert [sample.question_id for sample in found] == [
        "val#1", "val#2", "testA#1", "testA#2", "testB#1", "testB#2",
    ]  # fmt: skip
    assert found[0].groups == {"split": "val"}
    assert found[0].facts["width"] and found[0].facts["height"]
    assert found[0].cluster == "COCO_train2014_000000000009.jpg"
    assert found[0].prompt.images[0].name == found[0].cluster


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    write(tmp_path, "mm_vet", [("test", [{"question_id": "v1_0", "is": None}], "image")])
    with pytest.raises(DataError, match="has no column 'answer', 'capability', 'question'"):
        list(load_task("mm_vet").samples(tmp_path))
