"""What the sample browser is given: every question, how each run's answer was marked."""

from __future__ import annotations

import base64
import json
import string
import zlib
from pathlib import Path

from lvlm_eval.bundle import pack
from lvlm_eval.reporting.html.browsing import Browsing
from lvlm_eval.reporting.html.packing import Block, block
from lvlm_eval.reporting.html.samples import CHUNK, Browsed, browse
from lvlm_eval.reporting.results import find
from lvlm_eval.schema import JSON
from lvlm_eval.store import RunStore, find_run

from .runs_to_browse import browsed_run


def unpacked(block: Block) -> JSON:
    found: JSON = json.loads(zlib.decompress(base64.b64decode(block.text)))
    return found


def browsed(stores: list[RunStore], browsing: Browsing | None = None) -> Browsed:
    (task,) = browse(find(stores).results, browsing or Browsing())
    return task


def test_failed_unread_and_unasked_questions_are_there(tmp_path: Path) -> None:
    first = browsed_run(
        tmp_path, "m1", {"a": ("yes", 1.0), "b": ("hm", 0.5)}, failed="c", unreadable="b"
    )
    second = browsed_run(tmp_path, "m2", {"a": ("no", 0.0)})
    index = unpacked(browsed([first, second]).blocks[0])
    assert isinstance(index, dict)
    assert index["ids"] == ["a", "b", "c"]
    marks = [[index["marks"][code] for code in codes] for codes in index["codes"]]
    assert [mark["state"] for mark in marks[0]] == ["right", "partly", "failed"]
    assert [mark["unparsed"] for mark in marks[0]] == [False, True, False]
    assert [mark["state"] for mark in marks[1]] == ["wrong", "absent", "absent"]


def test_texts_lie_in_chunks_in_the_index_s_order(tmp_path: Path) -> None:
    answers = {f"q{n}": (f"text {n}", 1.0) for n in range(CHUNK + 10)}
    task = browsed([browsed_run(tmp_path, "m", answers)])
    chunks = [unpacked(block) for block in task.blocks[1:]]
    assert [len(chunk) for chunk in chunks if isinstance(chunk, list)] == [CHUNK, 10]
    assert chunks[1] == [
        [None, f"target of q{n}", f"q{n}", [[f"text {n}", f"text {n}", "whole text", "stop"]]]
        for n in range(CHUNK, CHUNK + 10)
    ]


def test_more_questions_than_wanted_are_thinned_evenly_and_counted(tmp_path: Path) -> None:
    answers = {f"q{n}": ("x", 1.0) for n in range(10)}
    task = browsed([browsed_run(tmp_path, "m", answers)], Browsing(samples=4))
    index = unpacked(task.blocks[0])
    assert isinstance(index, dict)
    assert index["ids"] == ["q0", "q2", "q5", "q7"]
    assert (task.shown, task.total) == (4, 10)


def test_no_text_can_be_markup_or_break_the_packing() -> None:
    packed = block("b", ["</script>\u2028<!--", "half \ud83d pair"])
    assert set(packed.text) <= set(string.ascii_letters + string.digits + "+/=")
    assert "half" in zlib.decompress(base64.b64decode(packed.text)).decode("utf-8", "replace")


def test_a_bundle_without_text_has_marks_and_nothing_unreadable(tmp_path: Path) -> None:
    store = browsed_run(tmp_path, "m", {"a": ("yes", 1.0)})
    bundle = tmp_path / "m.zip"
    pack(store.folder, bundle, text=False)
    task = browsed([find_run(str(bundle), tmp_path)])
    index = unpacked(task.blocks[0])
    assert isinstance(index, dict)
    assert index["marks"] == [{"state": "right", "values": {"correct": 1.0}, "unparsed": False}]
    assert task.silent == ("m",)
