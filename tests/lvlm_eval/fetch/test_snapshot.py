"""The cache's layout, and digests."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir, try_to_load_from_cache

from lvlm_eval.fetch.remote import RemoteFile
from lvlm_eval.fetch.snapshot import Snapshot, digest_of

HELLO = RemoteFile("a.txt", 6, "ce013625030ba8dba906f756967f9e9ca394464a", "")


def test_digests_are_those_that_git_and_lfs_give(tmp_path: Path) -> None:
    """`printf 'hello\\n' | git hash-object --stdin`, and the same through sha256sum."""
    (tmp_path / "a").write_bytes(b"hello\n")
    assert digest_of(tmp_path / "a", 40) == HELLO.digest
    expected = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    assert digest_of(tmp_path / "a", 64) == expected


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """A snapshot whose only file has come in, and has no place yet."""
    made = Snapshot(tmp_path / "hub", "org/name", "c0ffee")
    with made.locked():
        made.partial(HELLO).write_bytes(b"hello\n")
    return made


def test_hugging_faces_own_library_finds_what_is_placed(snapshot: Snapshot) -> None:
    assert not snapshot.has(HELLO)
    snapshot.place(HELLO)
    assert snapshot.has(HELLO)
    snapshot.link(HELLO)
    snapshot.name_it("main")
    found = try_to_load_from_cache("org/name", "a.txt", cache_dir=snapshot.cache)
    assert found == str(snapshot.folder / "a.txt")
    assert Path(found).read_bytes() == b"hello\n"
    (repository,) = scan_cache_dir(snapshot.cache).repos
    assert (repository.repo_id, repository.size_on_disk) == ("org/name", 6)
    assert {r.commit_hash for r in repository.revisions} == {"c0ffee"}


def test_what_is_to_come_is_counted_once_and_without_what_came(snapshot: Snapshot) -> None:
    twin = RemoteFile("b.txt", 6, HELLO.digest, "")
    snapshot.partial(HELLO).write_bytes(b"hel")
    assert snapshot.lacks([HELLO, twin]) == 3
    snapshot.partial(HELLO).write_bytes(b"hello\n")
    snapshot.place(HELLO)
    assert snapshot.lacks([HELLO, twin]) == 0


def test_on_a_disk_without_links_the_file_itself_is_in_the_snapshot(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: str) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    snapshot.place(HELLO)
    snapshot.link(HELLO)
    assert not (snapshot.folder / "a.txt").is_symlink()
    assert snapshot.has(HELLO)
    assert snapshot.content_is_right(HELLO)
    snapshot.remove(HELLO)
    assert not snapshot.has(HELLO)
