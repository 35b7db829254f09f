"""GQA, MME and POPE from a copy of their Hub data sets: the samples of the official files."""

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Sample

from .hub_files import write_split

Files = Callable[[str], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]


def pope_rows(official: Path) -> list[dict[str, JSON]]:
    rows: list[dict[str, JSON]] = []
    for split in ("adversarial", "popular", "random"):  # the Hub's order
        for line in (official / f"pope/coco_pope_{split}.json").read_text().splitlines():
            row = json.loads(line)
            asked = {"question_id": str(row["question_id"]), "question": row["text"]}
            shown = {"image_source": row["image"].removesuffix(".jpg"), "category": split}
            rows.append({**asked, **shown, "id": str(len(rows)), "answer": row["label"]})
    return rows


def test_pope_is_the_same(official: Files, tmp_path: Path, content: Content) -> None:
    root, task = official("pope"), load_task("pope")
    write_split(tmp_path / "pope/data/test-00000.parquet", pope_rows(root), {"image": "x.jpg"})
    ours, theirs = list(task.samples(tmp_path)), list(task.samples(root))
    assert content(ours) == content(theirs)
    assert len({s.prompt.images[0] for s in ours}) == len({s.cluster for s in ours})


@pytest.mark.parametrize(("count", "said"), [(2910, "8,910 in all"), (3000, "9,000 in all")])
def test_popes_editions_are_named(
    count: int, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        {"question_id": i, "image": "a.jpg", "text": "Is it?", "label": "yes"} for i in range(count)
    ]
    (tmp_path / "pope").mkdir()
    lines = "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "pope/coco_pope_random.json").write_text(lines)
    with caplog.at_level(logging.INFO):
        assert len(list(load_task("pope").samples(tmp_path))) == count
    assert said in caplog.text


def test_mme_is_the_same(official: Files, tmp_path: Path, content: Content) -> None:
    task, name = load_task("mme"), "mme/MME_Benchmark_release_version"
    release = tmp_path / "release" / name  # without LLaVA's file, which words two questions its way
    shutil.copytree(official("mme") / name, release)
    theirs = list(task.samples(tmp_path / "release"))
    rows: list[dict[str, JSON]] = []
    for base in reversed(dict.fromkeys(sample.cluster for sample in theirs)):
        category, file = base.split("/")
        found = next(release.glob(f"{category}/**/{file.partition('.')[0]}.txt"))
        for line in found.read_text().strip().split("\n"):
            question, answer = line.strip().split("\t")
            asked: dict[str, JSON] = {"question": question, "answer": answer}
            rows.append({**asked, "question_id": f"{category}/{file}", "category": category})
    write_split(tmp_path / "mme/data/test-00000.parquet", rows, {"image": "x.jpg"})
    assert content(list(task.samples(tmp_path))) == content(theirs)


def gqa_rows(official: Path) -> list[dict[str, JSON]]:
    questions = json.loads((official / "gqa/testdev_balanced_questions.json").read_text())
    kept = ("imageId", "question", "answer", "isBalanced", "groups", "types", "semantic")
    return [
        {**{key: row[key] for key in kept}, "id": question_id, "entailed": str(row["entailed"])}
        for question_id, row in questions.items()
    ]


def test_gqa_is_the_same(official: Files, tmp_path: Path, content: Content) -> None:
    root, task = official("gqa"), load_task("gqa")
    rows = gqa_rows(root)
    folder = tmp_path / "gqa"
    write_split(folder / "testdev_balanced_instructions/testdev-00000.parquet", rows, {})
    ids = list(dict.fromkeys(str(row["imageId"]) for row in rows))
    pictures = [{"id": image_id} for image_id in ids]
    write_split(folder / "testdev_balanced_images/testdev-0.parquet", pictures, {"image": None})
    (folder / "choices.json").write_text((root / "gqa/choices.json").read_text())
    ours = list(task.samples(tmp_path))
    assert content(ours) == content(list(task.samples(root)))
    assert {s.prompt.images[0].path for s in ours} == {
        folder / "testdev_balanced_images/testdev-0.parquet"
    }


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("pope", {"answer": "maybe"}, r"parquet:1: 'answer' must be yes or no"),
        ("pope", {"category": "odd"}, r"parquet:1: 'category' must be one of random, popular"),
        ("mme", {"answer": "maybe"}, r"parquet:1: 'answer' must be Yes or No"),
    ],
)
def test_a_wrong_row_is_named(
    name: str, change: Mapping[str, JSON], message: str, tmp_path: Path
) -> None:
    pope = {"question_id": "1", "question": "Is it?", "answer": "yes", "image_source": "a"}
    row = {**pope, "category": "random" if name == "pope" else "OCR", **change}
    write_split(tmp_path / name / "data/test-00000.parquet", [row], {"image": None})
    with pytest.raises(DataError, match=message):
        list(load_task(name).samples(tmp_path))


def test_without_any_copy_all_three_places_are_named(tmp_path: Path) -> None:
    for name in ("gqa", "mme", "pope", "vqav2"):
        with pytest.raises(DataError, match=rf"{name}: no data: .*the Hub's lmms-lab/"):
            list(load_task(name).samples(tmp_path))
