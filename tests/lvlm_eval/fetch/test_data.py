"""The data of tasks, fetched: files of their splits, verified, gone on with, read from there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lvlm_eval.hub_cache import cached_data_set
from lvlm_eval.plugins import load_task

from ...tasks.hub_files import write_split
from .conftest import MODEL
from .hub_server import COMMIT, Hub

Call = Callable[..., tuple[int, str, str]]
NAME = "lmms-lab/POPE"
SPLIT = "data/test-00000-of-00001.parquet"


@pytest.fixture
def fetch(call: Call, cache: Path, pauses: list[float]) -> Call:
    return partial(call, "fetch")


@pytest.fixture
def pope(hub: Hub, tmp_path: Path) -> bytes:
    """POPE on the hub: its test split, a split that is not wanted, a card."""
    asked = {"question": "Is it?", "answer": "yes", "image_source": "a", "category": "random"}
    rows = [{**asked, "question_id": str(number)} for number in range(9)]
    content = write_split(tmp_path / "made.parquet", rows, {"image": None}).read_bytes()
    hub.data[NAME] = {SPLIT: content, "data/train-0.parquet": b"no", "README.md": b"# POPE"}
    hub.data[NAME]["script.py"] = b"import os"
    return content


def test_a_tasks_data_are_brought_into_the_cache_and_read_from_there(
    fetch: Call, pope: bytes, tmp_path: Path
) -> None:
    code, out, err = fetch("pope")
    assert (code, err) == (0, "")
    assert out.startswith("pope: licence: MIT (questions)")
    assert f"{NAME}: revision {COMMIT}\n  2 files" in out
    folder = cached_data_set(NAME)
    assert folder is not None
    assert (folder / SPLIT).read_bytes() == pope
    assert sorted(str(f.relative_to(folder)) for f in folder.rglob("*.*")) == ["README.md", SPLIT]
    (tmp_path / "empty").mkdir()
    samples = list(load_task("pope").samples(tmp_path / "empty"))
    assert [sample.question_id for sample in samples] == [f"random/{i}" for i in range(9)]


def test_a_broken_fetch_goes_on_where_it_was(fetch: Call, pope: bytes, hub: Hub) -> None:
    hub.break_after[SPLIT] = [700]
    code, _, err = fetch("pope")
    assert code == 0, err
    assert hub.served("test-00000-of-00001.parquet")[-1] == "bytes=700-"


def test_other_bytes_than_were_announced_are_refused(fetch: Call, pope: bytes, hub: Hub) -> None:
    hub.wrong[SPLIT] = bytes(len(pope))
    code, _, err = fetch("pope")
    assert code == 2
    assert "other bytes than it announced" in err
    assert cached_data_set(NAME) is None


def test_a_dry_run_lists_and_brings_nothing(fetch: Call, pope: bytes, cache: Path) -> None:
    code, out, _ = fetch("pope", "--dry-run")
    assert code == 0
    assert SPLIT in out
    assert "train" not in out
    assert not cache.exists()


def test_models_and_tasks_may_be_fetched_together(fetch: Call, pope: bytes) -> None:
    code, out, _ = fetch("pope", MODEL)
    assert code == 0
    assert f"{MODEL}: revision" in out
    assert f"{NAME}: revision" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("amber",), "amber: no data set of the Hub is known for it; docs/data.md says"),
        (("pope", "--from", "modelscope"), "fetched from Hugging Face alone"),
        (("mme",), "lmms-lab/MME"),
    ],
)
def test_what_cannot_be_fetched_says_why(
    fetch: Call, pope: bytes, arguments: tuple[str, ...], message: str
) -> None:
    code, _, err = fetch(*arguments)
    assert code == 2
    assert message in err


def test_a_data_set_without_the_split_says_what_it_has(fetch: Call, pope: bytes, hub: Hub) -> None:
    del hub.data[NAME][SPLIT]
    code, _, err = fetch("pope")
    assert code == 2
    assert (
        "no Parquet file of configuration default, split test; it has data/train-0.parquet" in err
    )
