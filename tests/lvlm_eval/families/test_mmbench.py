"""MMBench's tables: what a row asks, what is missing, and what is wrong."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.images import image_bytes
from lvlm_eval.schema import JSON, Sample
from lvlm_eval.tasks import mmbench_cn
from lvlm_eval.tasks.mmbench_en import SPLITS, TASK

FILE = "mmbench_en/mmbench_dev_20230712.tsv"
SUFFIX = "\nAnswer with the option's letter from the given choices directly."
ROW: dict[str, JSON] = {
    "index": 7,
    "question": 'What is\t"it"?',
    "hint": None,
    "A": "a cat",
    "B": "a dog",
    "C": None,
    "D": None,
    "answer": "B",
    "category": "image_scene",
    "image": base64.b64encode(b"picture " * 12).decode(),
    "source": "made up",
    "l2-category": "coarse_perception",
    "split": "dev",
}


def write(root: Path, *rows: Mapping[str, JSON]) -> list[Sample]:
    write_data({FILE: list(rows)}, root)
    return list(TASK.samples(root))


def test_a_row_is_asked_in_llavas_words(tmp_path: Path) -> None:
    one, other = write(tmp_path, ROW, {**ROW, "index": 1000007, "hint": "Look.", "image": "7"})
    assert one.prompt.text == f'What is\t"it"?\nA. a cat\nB. a dog{SUFFIX}'
    assert other.prompt.text.startswith('Look.\nWhat is\t"it"?\n')
    assert one.prompt.padded
    assert (one.question_id, other.question_id) == ("7", "1000007")
    assert one.cluster == other.cluster == "7"
    assert one.facts["passes"] == 2
    assert one.groups == {"category": "image_scene", "l2_category": "coarse_perception"}
    for sample in (one, other):
        assert image_bytes(sample.prompt.images[0]) == b"picture " * 12
        assert sample.prompt.images[0].name == "7"


def test_options_end_where_llavas_script_sees_none(tmp_path: Path) -> None:
    (sample,) = write(tmp_path, {**ROW, "B": "none", "C": "a cow", "D": "NA", "answer": "A"})
    assert sample.prompt.text.endswith(f"?\nA. a cat{SUFFIX}")
    assert sample.facts["options"] == {"A": "a cat", "B": "none", "C": "a cow"}


def test_a_picture_may_lie_beside_the_table(tmp_path: Path) -> None:
    (sample,) = write(tmp_path, {**ROW, "index": 2000007, "image": ""})
    assert sample.prompt.images[0].path == tmp_path / "mmbench_en/images/7.jpg"


def test_without_answers_all_are_asked_and_none_is_marked(tmp_path: Path) -> None:
    write_data({"mmbench/mmbench_test_en_20231003.tsv": [{**ROW, "answer": ""}]}, tmp_path)
    (sample,) = SPLITS["mmbench_en_test_20231003"].samples(tmp_path)
    assert sample.target is None
    assert list(TASK.samples(tmp_path)) == [sample]


def test_the_plain_name_says_which_edition_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_data({"mmbench/MMBench_DEV_EN.tsv": [{**ROW, "index": 9}]}, tmp_path)
    caplog.set_level("INFO")
    assert [s.question_id for s in TASK.samples(tmp_path)] == ["9"]
    assert "mmbench_en stands for mmbench_en_dev_20231003" in caplog.text
    with pytest.raises(MissingData, match=r"mmbench_en: no data.*mmbench_dev_20230712\.tsv"):
        list(SPLITS["mmbench_en_dev_20230712"].samples(tmp_path))


def test_the_chinese_one_asks_in_chinese(tmp_path: Path) -> None:
    write_data({"mmbench_cn/mmbench_dev_cn_20231003.tsv": [ROW]}, tmp_path)
    (sample,) = mmbench_cn.TASK.samples(tmp_path)
    assert sample.prompt.text.endswith("\nB. a dog\n请直接回答选项字母。")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"answer": "C"}, r"0712\.tsv:3: the answer 'C' is not among the options A, B"),
        ({"index": 7}, r"0712\.tsv:3: id '7' occurs twice, first at .*0712\.tsv:2"),
        ({"index": "x"}, r"0712\.tsv:3: 'index' must be a whole number, got 'x'"),
        ({"question": ""}, r"0712\.tsv:3: 'question' must be text, got null"),
        ({"image": "12"}, r"0712\.tsv:3: 'image' names row '12', which holds no picture"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        write(tmp_path, ROW, {**ROW, "index": 8, **change})


@pytest.mark.parametrize("column", ["A", "hint", "answer", "index", "question", "category"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    with pytest.raises(DataError, match=f"0712.tsv:2: '{column}' is missing"):
        write(tmp_path, {key: value for key, value in ROW.items() if key != column})
