"""The page on data is what the tasks say."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from lvlm_eval.commands.data_places import BEGIN, data_page, places
from lvlm_eval.plugins import load_task, task_names

PAGE = Path(__file__).parents[3] / "docs" / "data.md"


@pytest.fixture(autouse=True)
def without_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))


def test_the_page_on_data_is_up_to_date(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert data_page(page, tmp_path) == page, "make it anew: python docs/make_data_page.py"
    assert page.partition(BEGIN)[2].count("\n| `") == len(task_names())


def test_a_task_says_where_its_files_belong(tmp_path: Path) -> None:
    said = places(load_task("vqav2_val"), tmp_path)
    assert said == ["vqav2/v2_OpenEnded_mscoco_val2014_questions.json"]
    assert places(load_task("muirbench"), tmp_path) == []
