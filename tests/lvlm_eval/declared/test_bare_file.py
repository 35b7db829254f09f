"""Data files that are tasks by themselves, and plugins that are no Python."""

import base64
import json
import pickle
from pathlib import Path

import pytest

from lvlm_eval.declared.bare_file import bare_task
from lvlm_eval.errors import DataError
from lvlm_eval.images import image_bytes
from lvlm_eval.plugins import load_task, select_tasks, task_names

from .test_build import CHOICE, ONE, cat, declare, table


def test_a_table_of_options_needs_no_declaration(tmp_path: Path) -> None:
    table(tmp_path / "Cats.tsv", [cat(1, category="c"), cat(2, category="d")])
    task = bare_task(tmp_path / "Cats.tsv")
    first, second = task.samples(Path("elsewhere"))
    assert (first.target, second.groups) == ("B", {"category": "d"})
    assert image_bytes(first.prompt.images[0]) == ONE
    assert task.title == "Cats.tsv (choice)"
    again = pickle.loads(pickle.dumps(task))  # as workers get it
    assert list(again.samples(Path("elsewhere"))) == [first, second]


def test_llavas_question_file_with_labels_needs_no_declaration(tmp_path: Path) -> None:
    rows = [
        {"question_id": i, "image": "a.png", "text": "Is it?\nYes or no.", "label": label}
        for i, label in enumerate(["yes", "no"])
    ]
    (tmp_path / "seen.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    task = bare_task(tmp_path / "seen.jsonl")
    first, second = task.samples(Path("elsewhere"))
    assert [first.target, second.target] == ["yes", "no"]
    assert first.prompt.text == "Is it?\nYes or no."
    assert first.prompt.images[0].path == tmp_path / "a.png"


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("\n")
    with pytest.raises(DataError, match=r"none\.jsonl: holds no question"):
        bare_task(tmp_path / "none.jsonl")


def test_a_folder_of_plugins_is_looked_through(tmp_path: Path) -> None:
    declare(tmp_path, CHOICE)
    table(tmp_path / "dogs.tsv", [cat(1)])
    (tmp_path / "notes.txt").write_text("no plugin")
    (tmp_path / "birds.py").write_text("TASK = 1")
    names = set(task_names([tmp_path])) - set(task_names())
    assert names == {"cats", "dogs", "birds"}
    assert load_task("cats", [tmp_path]).title == "Cats (accuracy)"
    assert [task.name for task in select_tasks("dogs,c?ts", [tmp_path])] == ["dogs", "cats"]


def test_an_installed_package_may_declare_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(tmp_path, CHOICE)
    (tmp_path / "cat_package.py").write_text(
        "from pathlib import Path\nCATS = Path(__file__).with_name('cats.yaml')\n"
    )
    folder = tmp_path / "cat_package-1.0.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_text("[lvlm_eval.tasks]\ncats = cat_package:CATS\n")
    (folder / "METADATA").write_text("Name: cat_package\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "cats" in task_names()
    assert load_task("cats").assurance == "declared"


def test_base64_is_not_held_in_memory(tmp_path: Path) -> None:
    table(tmp_path / "Cats.tsv", [cat(1)])
    (sample,) = bare_task(tmp_path / "Cats.tsv").samples(tmp_path)
    assert base64.b64encode(ONE).decode() not in repr(sample)
