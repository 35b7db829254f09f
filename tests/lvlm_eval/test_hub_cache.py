"""Names of models, and where they lie in the local hub cache."""

from pathlib import Path

import pytest

from lvlm_eval.errors import CheckpointError
from lvlm_eval.hub_cache import (
    HubName,
    cached_snapshot,
    how_to_get,
    model_folder,
    parse_hub_name,
    revision_of,
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with two commits of one model: main is `aa11`, v2 is `bb22`."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    repository = tmp_path / "hub" / "models--someone--phi"
    (repository / "refs").mkdir(parents=True)
    for ref, commit in (("main", "aa11"), ("v2", "bb22")):
        (repository / "refs" / ref).write_text(commit)
        (repository / "snapshots" / commit).mkdir(parents=True)
        (repository / "snapshots" / commit / "config.json").write_text("{}")
    return repository / "snapshots"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("org/name", HubName("org/name")),
        ("org/name@refs/pr/3", HubName("org/name", "refs/pr/3")),
        ("name", None),
        ("/abs/name", None),
        ("a/b/c", None),
        ("../name", None),
        ("org/..", None),
        ("org/name@", None),
        ("org/name@../../main", None),
        ("org/name@/main", None),
    ],
)
def test_a_hub_name_has_one_slash_and_leads_nowhere_else(text: str, name: HubName | None) -> None:
    assert parse_hub_name(text) == name
    assert name is None or str(name) == text


def test_a_revision_is_a_branch_a_tag_or_a_commit(cache: Path) -> None:
    assert cached_snapshot("someone/phi") == cache / "aa11"
    assert cached_snapshot("someone/phi@v2") == cache / "bb22"
    assert cached_snapshot("someone/phi@bb22") == cache / "bb22"
    assert cached_snapshot("someone/phi@v3") is None
    assert cached_snapshot("someone/else") is None


def test_the_commit_is_known_of_names_and_folders_in_the_cache_only(cache: Path) -> None:
    assert revision_of("someone/phi@v2") == "bb22"
    assert revision_of(str(cache / "aa11")) == "aa11"
    assert revision_of(str(cache)) == ""
    assert revision_of("nobody/phi") == ""


def test_only_what_can_be_a_name_is_said_to_be_fetched() -> None:
    assert how_to_get("org/name@v2").endswith("lvlm-eval fetch org/name@v2")
    assert "lvlm-eval" not in how_to_get("/no/such/folder")


def test_a_folder_is_taken_before_a_cached_model_and_neither_is_an_error(cache: Path) -> None:
    assert model_folder("someone/phi") == cache / "aa11"
    Path("someone/phi").mkdir(parents=True)
    assert model_folder("someone/phi") == Path("someone/phi")
    with pytest.raises(CheckpointError, match=r"nothing: no such folder, .* lvlm-eval fetch"):
        model_folder("nobody/nothing")
