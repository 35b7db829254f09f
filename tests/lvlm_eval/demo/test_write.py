from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from lvlm_eval.demo.write import write_demo
from lvlm_eval.images import open_rgb
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import Image

CATEGORIES = {"existence", "count", "color", "OCR"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(
    root: Path, tmp_path: Path
) -> None:
    write_demo(tmp_path / "again")
    write_demo(tmp_path / "other", seed=1)
    assert _files(tmp_path / "again") == _files(root)
    assert _files(tmp_path / "other") != _files(root)


def test_vqav2_has_the_official_fields_and_balanced_answers(root: Path) -> None:
    questions = json.loads((root / "vqav2/v2_OpenEnded_mscoco_val2014_questions.json").read_text())
    marks = json.loads((root / "vqav2/v2_mscoco_val2014_annotations.json").read_text())
    assert {"info", "license", "task_type", "data_type", "data_subtype"} < set(questions)
    assert all(
        set(row) == {"image_id", "question", "question_id"} for row in questions["questions"]
    )
    rows = marks["annotations"]
    assert [row["question_id"] for row in rows] == [
        row["question_id"] for row in questions["questions"]
    ]
    assert len({row["question_id"] for row in rows}) == len(rows) >= 300
    assert {row["answer_type"] for row in rows} == {"yes/no", "number", "other"}
    assert all(
        row["multiple_choice_answer"]
        == Counter(a["answer"] for a in row["answers"]).most_common(1)[0][0]
        for row in rows
    )
    _assert_balanced([row["multiple_choice_answer"] for row in rows])
    for row in rows:
        assert (root / f"coco/val2014/COCO_val2014_{row['image_id']:012d}.jpg").is_file()


def test_gqa_has_the_official_fields_and_balanced_answers(root: Path) -> None:
    questions = json.loads((root / "gqa/testdev_balanced_questions.json").read_text())
    choices = json.loads((root / "gqa/testdev_balanced_choices.json").read_text())
    assert set(choices) == set(questions)
    assert len(questions) >= 300
    for question_id, row in questions.items():
        assert set(row) == {
            "semantic", "entailed", "equivalent", "question", "imageId", "isBalanced", "groups",
            "answer", "semanticStr", "annotations", "types", "fullAnswer",
        }  # fmt: skip
        assert set(row["types"]) == {"detailed", "semantic", "structural"}
        assert set(row["groups"]) == {"global", "local"}
        assert question_id in row["entailed"]
        assert set(row["entailed"]) <= set(questions)
        assert row["answer"] in choices[question_id]["plausible"]
        assert (root / f"gqa/images/{row['imageId']}.jpg").is_file()
    assert any(len(row["entailed"]) > 1 for row in questions.values())
    _assert_balanced([row["answer"] for row in questions.values()])


def _assert_balanced(answers: list[str]) -> None:
    yes, no = answers.count("yes"), answers.count("no")
    assert yes == no
    open_answers = [answer for answer in answers if answer not in ("yes", "no")]
    usual = Counter(open_answers).most_common(1)[0][1]
    assert usual < 0.3 * len(open_answers)


@pytest.mark.parametrize("split", ["random", "popular", "adversarial"])
def test_pope_is_half_yes_half_no_in_every_split(root: Path, split: str) -> None:
    lines = (root / f"pope/coco_pope_{split}.json").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) >= 100
    assert [row["question_id"] for row in rows] == list(range(1, len(rows) + 1))
    labels = Counter(row["label"] for row in rows)
    assert labels["yes"] == labels["no"] == len(rows) / 2
    assert all((root / "coco/val2014" / row["image"]).is_file() for row in rows)


def test_mme_has_one_yes_and_one_no_an_image(root: Path) -> None:
    folder = root / "mme/MME_Benchmark_release_version"
    assert {path.name for path in folder.iterdir()} == CATEGORIES
    for category in CATEGORIES:
        texts = sorted((folder / category).glob("*.txt"))
        assert len(texts) >= 10
        for text in texts:
            assert text.with_suffix(".jpg").is_file()
            lines = [line.split("\t") for line in text.read_text().splitlines()]
            assert sorted(answer for _, answer in lines) == ["No", "Yes"]
            assert all(question.endswith(" Please answer yes or no.") for question, _ in lines)


def test_every_picture_opens(root: Path) -> None:
    for path in list(root.rglob("*.jpg"))[::20]:
        assert open_rgb(Image(path)).size == (64, 64)


def test_every_form_of_question_is_there_as_its_task_reads_it(root: Path) -> None:
    names = ("seed_bench", "refcoco", "textvqa_plain", "coco_caption", "countbench", "muirbench")
    for name in names:
        samples = list(load_task(name).samples(root))
        assert len(samples) >= 50
        assert all(sample.target is not None for sample in samples)
        for image in (image for sample in samples[::9] for image in sample.prompt.images):
            assert open_rgb(image).size == (64, 64)
    assert all(len(s.prompt.images) == 2 for s in load_task("muirbench").samples(root))


def test_no_letter_is_worth_guessing(root: Path) -> None:
    for name in ("seed_bench", "muirbench"):
        letters = Counter(str(sample.target) for sample in load_task(name).samples(root))
        assert max(letters.values()) < 0.33 * letters.total()
