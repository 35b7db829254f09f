"""`doctor batch` and `doctor determinism` as they are used: tables, JSON, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "data" / "plugins"
FILES = ("--plugin", str(PLUGINS / "tiny.py"), "--plugin", str(PLUGINS / "gossip.py"))

Doctor = Callable[..., tuple[int, str, str]]


@pytest.fixture
def doctor(call: Doctor) -> Doctor:
    """`lvlm-eval doctor` with these arguments: exit code, output, errors."""
    return partial(call, "doctor")


@pytest.fixture
def gossip(doctor: Doctor, tiny: Path) -> Doctor:
    """The same, of a model that minds its company, on 30 made-up questions."""

    def run(command: str, model: str, *arguments: str) -> tuple[int, str, str]:
        questions = ("--tasks", "tiny", "--data", str(tiny))
        return doctor(command, model, *questions, *FILES, *arguments)

    return run


def test_a_model_that_minds_no_company_passes(gossip: Doctor) -> None:
    code, out, _ = gossip("batch", "gossip:g,shy=99", "--batches", "1,3")
    assert code == 0
    assert "0 of 150 answers differ" in out
    rows = [line.split("  ")[0] for line in out.splitlines()[3:9]]
    assert rows == [
        "one at a time",
        "batch 1",
        "batch 3",
        "batch 3, order 1",
        "batch 3, order 2",
        "batch 3, reuse off",
    ]
    assert "no option `batch_tokens`" in out


def test_flips_are_counted_placed_and_weighed_and_fail(gossip: Doctor) -> None:
    code, out, _ = gossip("batch", "gossip:g,shy=9", "--batches", "2,28", "--json")
    assert code == 1
    report = json.loads(out)
    assert report["questions"] == 30
    found = {one["setting"]: one["flips"] for one in report["settings"]}
    assert found == {  # 28 together, and 2 that are left
        "batch 2": 0,
        "batch 28": 28,
        "batch 28, order 1": 28,
        "batch 28, order 2": 28,
        "batch 28, reuse off": 28,
    }
    orders = [{flip["question_id"] for flip in one["flipped"]} for one in report["settings"]]
    assert orders[1] != orders[2] != orders[3]
    flip = report["settings"][1]["flipped"][0]
    assert (flip["reference"], flip["here"]) == ("1 2 3", "1 7 3")
    assert (flip["place"], flip["tokens"], flip["margin"]) == (1, ["2", "7"], 1.25)


def test_the_table_says_which_token_became_which(gossip: Doctor) -> None:
    code, out, _ = gossip("batch", "gossip:g,shy=9", "--batches", "28", "--orders", "0")
    assert code == 1
    (row,) = [line for line in out.splitlines() if line.startswith("batch 28  ")]
    assert "28 (93.33%)" in row
    assert row.split("28 (93.33%)")[1].split()[:6] == ["2", "'2'", "/", "'7'", "1.25", "1.25"]
    assert "tiny 0-0: '1 2 3' became '1 7 3'; token 2, '2' / '7', margin 1.25" in out
    assert "... and" in out


def test_prefix_reuse_is_switched_off_where_it_can_be(gossip: Doctor) -> None:
    code, out, _ = gossip("batch", "gossip:off", "--batches", "2", "--orders", "0", "--json")
    assert code == 1
    assert [one["flips"] for one in json.loads(out)["settings"]] == [0, 30]


def test_repeats_are_compared_with_the_first(gossip: Doctor) -> None:
    code, out, _ = gossip("determinism", "gossip:g", "--repeats", "3")
    assert code == 0
    assert "repeat 3" in out
    assert "repeat 4" not in out
    assert "0 of 60 answers differ" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("batch", "gossip:g", "--batches", "1,x"), "--batches '1,x': must be whole numbers"),
        (("batch", "gossip:g", "--batches", "0"), "--batches '0': must be whole numbers"),
        (("batch", "gossip:g", "--orders", "-1"), "--orders must be at least 0"),
        (("determinism", "gossip:g", "--repeats", "1"), "--repeats 1: needs at least 2"),
    ],
)
def test_wrong_numbers_are_refused(
    gossip: Doctor, arguments: tuple[str, ...], message: str
) -> None:
    code, _, err = gossip(*arguments)
    assert code == 2
    assert message in err


def test_a_model_that_fails_on_its_own_cannot_be_compared(gossip: Doctor) -> None:
    code, _, err = gossip("batch", "gossip:mute")
    assert code == 5
    assert "30 of 30 questions failed" in err
    assert "ValueError: mute" in err


def test_the_bundled_model_gives_one_answer_in_float32(doctor: Doctor) -> None:
    code, out, _ = doctor(
        *("batch", "demo", "--device", "cpu", "--dtype", "float32", "--tasks", "vqav2,pope"),
        *("--data", "demo", "--limit", "8", "--batches", "1,8", "--orders", "1"),
    )
    assert code == 0, out
    assert "answers differ" in out
