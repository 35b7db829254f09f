"""CMMMU: hand-computed figures, prompts, the Hub's rows, and broken ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image, Record, Response, Sample
from lvlm_eval.tasks.cmmmu import SPLITS, TASK

CHOICE: dict[str, JSON] = {
    "id": 1,
    "type": "选择",
    "question": '看<img="a.png">和<img="b.png">，再看<img="a.png">',
    **{f"option{i}": word for i, word in enumerate(["红", "蓝", "绿", "黑"], start=1)},
    "answer": "B",
    "category": "商业",
    "subcategory": "会计",
    **{f"image_{i}_filename": None for i in range(1, 6)},
    "image_1_filename": "a.png",
    "image_2_filename": "b.png",
}
TRUTH: dict[str, JSON] = {**CHOICE, "id": 2, "type": "判断", "question": "对吗", "answer": "对"}
BLANK: dict[str, JSON] = {**CHOICE, "id": 3, "type": "填空", "question": "多少", "answer": "12"}


def write(root: Path, *rows: Mapping[str, JSON], split: str = "val") -> list[Sample]:
    write_data({f"cmmmu/{split}.json": list(rows)}, root)
    return list(TASK.samples(root))


def test_pictures_stand_where_they_are_named_first(tmp_path: Path) -> None:
    sample, truth = write(tmp_path, CHOICE, TRUTH)
    parts = [p.name if isinstance(p, Image) else p for p in sample.prompt.turns[0].parts]
    assert parts[0].startswith("请回答以下多项选择题") and parts[0].endswith("\n\n问题：看")
    options = "(A) 红\n(B) 蓝\n(C) 绿\n(D) 黑\n"
    assert parts[1:] == ["1_1", "和", "1_2", "，再看", f"\n选项：\n{options}\n正确答案：\n"]
    assert truth.prompt.text.endswith("\n\n问题：对吗\n正确答案：\n")


def test_figures_of_a_lopsided_set(tmp_path: Path) -> None:
    many = {**CHOICE, "id": 4, "answer": "AB", "category": "科学"}
    rows = [CHOICE, {**CHOICE, "id": 5}, many, {**many, "id": 6}, TRUTH, BLANK]
    samples = write(tmp_path, *rows)
    texts = ["B", "?", "(A)(B)", "?", "?", "是12个"]
    responses = [Response(s.question_id, t, "stop") for s, t in zip(samples, texts, strict=True)]
    records = [
        Record(s, r, TASK.scorer.score(s, r)) for s, r in zip(samples, responses, strict=True)
    ]
    assert [r.score.values["correct"] for r in records] == [1, 0.25, 1, 0, 0.5, 1]
    found = TASK.scorer.finish(TASK.scorer.tally(records))
    assert found["accuracy"] == pytest.approx(3.75 / 6)
    assert found["type/选择"] == pytest.approx(2.25 / 4)
    assert found["category/科学"] == pytest.approx(1 / 2)


def test_the_hubs_rows_give_the_same_samples(
    hub: Callable[..., Path],
    content: Callable[[Sequence[Sample]], list[JSON]],
    tmp_path: Path,
) -> None:
    ours = write(tmp_path / "json", CHOICE, TRUTH, BLANK)
    columns = {f"image_{i}": 0 for i in range(1, 6)}
    file = tmp_path / "hub/cmmmu/data/val-00000-of-00001.parquet"
    hub(file, [CHOICE, TRUTH, BLANK], columns)
    assert content(list(TASK.samples(tmp_path / "hub"))) == content(ours)


def test_the_test_split_is_asked_and_not_marked(tmp_path: Path) -> None:
    (sample,) = write(tmp_path, {**TRUTH, "answer": None}, split="test")
    assert sample.target is None
    assert list(SPLITS["cmmmu_test"].samples(tmp_path)) == [sample]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"type": "x"}, r"val\.json:1: 'type' must be one of 选择, 判断, 填空, got 'x'"),
        ({"option3": None}, r"val\.json:1: 'option3' must be text, got null"),
        ({"id": 1}, r"val\.json:1: id '1' occurs twice"),
        ({"subcategory": 3}, r"val\.json:1: 'subcategory' must be text, got 3"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, change: dict[str, JSON], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        write(tmp_path, CHOICE, {**CHOICE, "id": 9, **change})
