"""Bundles: read like a folder, the same bytes again, and nothing altered or strange gets in."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lvlm_eval import bundle
from lvlm_eval.bundle import pack, unpack, unpack_for_reading
from lvlm_eval.errors import StoreError, UsageError
from lvlm_eval.store import RunStore, find_run

from .pairs_of_runs import marked_run

Change = Callable[[dict[str, bytes]], None]


@pytest.fixture
def run(tmp_path: Path) -> RunStore:
    store = marked_run(tmp_path / "runs", [1, 0, 1, 1], model="org/Some Model", size=2)
    with store.task("tiny").writer() as writer:
        writer.add({"question_id": "q0", "text": "a secret", "finish": "stop"})
    store.task("tiny").add_routing({0: [3, 1]})
    (store.folder / "notes.txt").write_text("mine")
    return store


@pytest.fixture
def file(run: RunStore, tmp_path: Path) -> Path:
    pack(run.folder, tmp_path / "run.zip")
    return tmp_path / "run.zip"


def altered(file: Path, change: Change, *, listed: bool = False) -> Path:
    """The bundle with other contents, and with `listed` a manifest that says so."""
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    change(contents)
    if listed:
        manifest = json.loads(contents["manifest.json"])
        manifest["files"] = {
            name: {"sha256": bundle._sha256(data), "bytes": len(data)}
            for name, data in contents.items()
            if name != "manifest.json"
        }
        contents["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return file


def test_a_bundle_reads_like_the_folder(run: RunStore, file: Path, tmp_path: Path) -> None:
    store = find_run(str(file), tmp_path / "nowhere")
    assert store.run == run.run
    assert store.task("tiny").routing() == {0: [3, 1]}
    assert store.folder.name == run.run_id
    assert store.folder.parent.name == run.folder.parent.name == "org-Some-Model"
    assert store.task("tiny").scores() == run.task("tiny").scores()
    assert store.task("tiny").summary() == run.task("tiny").summary()
    assert store.task("tiny").responses() == run.task("tiny").responses()
    assert not (tmp_path / "nowhere").exists()
    assert not (store.folder / "notes.txt").exists()


def test_the_same_run_gives_the_same_bytes(run: RunStore, tmp_path: Path) -> None:
    digests = {pack(run.folder, tmp_path / name) for name in ("one.zip", "two.zip")}
    assert len(digests) == 1
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_without_text_no_answer_leaves_and_what_was_unreadable_stays_so(
    run: RunStore, tmp_path: Path
) -> None:
    pack(run.folder, tmp_path / "bare.zip", text=False)
    with zipfile.ZipFile(tmp_path / "bare.zip") as archive:
        assert not any("responses" in name for name in archive.namelist())
        assert not any(b"secret" in archive.read(name) for name in archive.namelist())
    store = find_run(str(tmp_path / "bare.zip"), tmp_path)
    lines = store.task("tiny").scores()
    assert {line.answer for line in lines} == {""}
    assert {line.target for line in lines} == {None}
    assert [line.values for line in lines] == [x.values for x in run.task("tiny").scores()]
    with pytest.raises(UsageError, match="made with --no-text"):
        unpack(tmp_path / "bare.zip", tmp_path / "results")


def test_a_bundle_to_write_to_is_unpacked_once_under_results(file: Path, tmp_path: Path) -> None:
    store = find_run(str(file), tmp_path / "results", to_write=True)
    assert store.folder.is_relative_to(tmp_path / "results")
    with pytest.raises(UsageError, match="already; name that"):
        unpack(file, tmp_path / "results")


def swap(contents: dict[str, bytes]) -> None:
    name = "tiny/scores.jsonl"
    contents[name] = contents[name].replace(b'"correct":0.0', b'"correct":1.0')


@pytest.mark.parametrize(
    ("change", "listed", "message"),
    [
        (swap, False, "tiny/scores.jsonl does not fit its digest"),
        (lambda c: c.pop("tiny/task.json"), False, "not those that its manifest lists"),
        (lambda c: c.update({"tiny/cost.json": b"{}"}), False, "not those that its manifest lists"),
        (lambda c: c.update({"../evil.json": b"{}"}), True, "'../evil.json' is no file of a run"),
        (lambda c: c.update({"../summary.json": b"{}"}), True, "is no file of a run"),
        (lambda c: c.update({"/etc/summary.json": b"{}"}), True, "is no file of a run"),
        (lambda c: c.update({"tiny/run.sh": b""}), True, "is no file of a run"),
        (lambda c: c.pop("manifest.json"), False, "it has no manifest.json"),
        (lambda c: c.update({"manifest.json": b"{"}), False, "is not JSON"),
        (lambda c: c.update({"manifest.json": b"{}"}), False, "damaged: not a Manifest"),
    ],
)
def test_what_was_altered_is_refused_and_leaves_nothing(
    file: Path, tmp_path: Path, change: Change, listed: bool, message: str
) -> None:
    altered(file, change, listed=listed)
    with pytest.raises(StoreError, match=message):
        unpack(file, tmp_path / "results")
    assert not list(tmp_path.glob("results/*/*"))
    assert not (tmp_path / "evil.json").exists()


def test_a_byte_changed_anywhere_is_an_error(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 60)):
        file.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            folder = unpack_for_reading(file)
        except StoreError:
            continue
        # what the zip format does not use, such as the time of day, may differ
        assert RunStore.open(folder).task("tiny").scores()


def test_more_bytes_than_promised_are_not_unpacked(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MAX_BYTES", 100)
    with pytest.raises(StoreError, match="bytes unpacked are more than 100"):
        unpack(file, tmp_path / "results")


def test_what_is_no_zip_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.zip"
    file.write_text("not a zip")
    with pytest.raises(StoreError, match="is no bundle of a run, or damaged"):
        find_run(str(file), tmp_path)


def test_a_folder_without_a_run_cannot_be_packed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run"):
        pack(tmp_path, tmp_path / "x.zip")
