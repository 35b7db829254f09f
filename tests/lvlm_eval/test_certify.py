"""Certificates: that they agree only where every leaf does, and say where not."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval.certify import FIRST, certify_folder, failures, read_vectors, write_data
from lvlm_eval.data import read_array, read_jsonl
from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Record, Response, Sample, Score
from lvlm_eval.tasks.mme import TASK as MME
from lvlm_eval.tasks.pope import TASK as POPE

CONFORMANCE = Path(__file__).parents[1] / "data" / "conformance"
PRIMARY = POPE.primary


def changed(folder: Path, change: Callable[[dict[str, JSON]], None]) -> dict[str, JSON]:
    """The primary's report after a change to its recorded figures."""
    copy = folder / "pope"
    shutil.copytree(CONFORMANCE / "pope", copy, dirs_exist_ok=True)
    expected = json.loads((copy / "expected.json").read_text())
    change(expected["variants"][PRIMARY])
    (copy / "expected.json").write_text(json.dumps(expected))
    return certify_folder(copy, POPE)


def entry(report: Mapping[str, JSON], variant: str = PRIMARY) -> Mapping[str, JSON]:
    found = report[variant]
    assert isinstance(found, Mapping)
    return found


def inner(value: JSON, *keys: str) -> dict[str, JSON]:
    for key in keys:
        assert isinstance(value, dict)
        value = value[key]
    assert isinstance(value, dict)
    return value


def test_unchanged_vectors_agree_in_every_leaf() -> None:
    report = certify_folder(CONFORMANCE / "pope", POPE)
    assert entry(report) == {
        "status": "agree",
        "metrics": {"agree": 32, "total": 32},
        "items": {"agree": 288, "total": 288},
        "first_differences": [],
    }


def test_a_changed_figure_is_shown_with_its_path(tmp_path: Path) -> None:
    report = changed(
        tmp_path, lambda r: inner(r, "metrics", "random").update(TP=20, accuracy=0.4791677)
    )
    assert entry(report)["status"] == "DISAGREE"
    assert entry(report)["metrics"] == {"agree": 30, "total": 32}
    assert entry(report)["first_differences"] == [
        {"path": "metrics/random/TP", "expected": 20, "got": 19},
        {
            "path": "metrics/random/accuracy",
            "expected": 0.4791677,
            "got": pytest.approx(0.47916667),
        },
    ]


def test_a_figure_within_the_tolerance_agrees(tmp_path: Path) -> None:
    report = changed(tmp_path, lambda r: inner(r, "metrics", "random").update(accuracy=0.4791671))
    assert entry(report)["status"] == "agree"


def test_a_missing_and_a_superfluous_figure_are_differences(tmp_path: Path) -> None:
    def change(recorded: dict[str, JSON]) -> None:
        split = inner(recorded, "metrics", "random")
        split["new"] = split.pop("TP")

    report = changed(tmp_path, change)
    assert entry(report)["metrics"] == {"agree": 31, "total": 33}
    assert entry(report)["first_differences"] == [
        {"path": "metrics/random/new", "expected": 19, "got": "(missing)"},
        {"path": "metrics/random/TP", "expected": "(missing)", "got": 19},
    ]


def test_a_changed_item_is_shown_under_the_id_of_the_vectors(tmp_path: Path) -> None:
    report = changed(tmp_path, lambda r: inner(r, "per_item_parsed").update({"0": "no"}))
    assert entry(report)["metrics"] == {"agree": 32, "total": 32}
    assert entry(report)["items"] == {"agree": 287, "total": 288}
    assert entry(report)["first_differences"] == [
        {"path": "per_item_parsed/0", "expected": "no", "got": "yes"}
    ]


def test_only_the_first_differences_are_shown(tmp_path: Path) -> None:
    def change(recorded: dict[str, JSON]) -> None:
        items = inner(recorded, "per_item")
        items.update(dict.fromkeys(items, 0.5))

    report = changed(tmp_path, change)
    differences = entry(report)["first_differences"]
    assert isinstance(differences, list) and len(differences) == FIRST
    assert entry(report)["items"] == {"agree": 144, "total": 288}


def test_null_stands_for_no_value_and_for_nothing_else(tmp_path: Path) -> None:
    def without_value(records: object) -> dict[str, JSON]:
        return {"metrics": {"a": math.nan, "b": 0.0, "c": None}}

    task = replace(
        POPE, variants={PRIMARY: replace(POPE.scorer, official=without_value)}, primary=PRIMARY
    )
    copy = shutil.copytree(CONFORMANCE / "pope", tmp_path / "pope")
    figures = {"task": "pope", "variants": {PRIMARY: {"metrics": {"a": None, "b": None, "c": 0}}}}
    (copy / "expected.json").write_text(json.dumps(figures))
    differences = entry(certify_folder(copy, task))["first_differences"]
    assert differences == [
        {"path": "metrics/b", "expected": None, "got": 0.0},
        {"path": "metrics/c", "expected": 0, "got": None},
    ]


def test_lists_go_by_position_and_named_leaves_are_left_out(tmp_path: Path) -> None:
    def listed(records: object) -> dict[str, JSON]:
        return {"metrics": {"rows": [1, 2, {"x": 3}], "METEOR": 0.50009, "x": 9}, "ids": ["b"]}

    task = replace(POPE, variants={PRIMARY: replace(POPE.scorer, official=listed)})
    copy = shutil.copytree(CONFORMANCE / "pope", tmp_path / "pope")
    recorded = {"metrics": {"rows": [2, 1], "METEOR": 0.5, "x": 8}, "ids": ["a"], "note": "?"}
    figures = {"task": "pope", "variants": {PRIMARY: recorded}, "not_compared": ["x"]}
    (copy / "expected.json").write_text(json.dumps(figures))
    assert entry(certify_folder(copy, task)) == {
        "status": "DISAGREE",
        "metrics": {"agree": 1, "total": 3},
        "items": {"agree": 0, "total": 1},
        "first_differences": [
            {"path": "metrics/rows/0", "expected": 2, "got": 1},
            {"path": "metrics/rows/1", "expected": 1, "got": 2},
            {"path": "ids/0", "expected": "a", "got": "b"},
        ],
    }


def test_a_scorer_with_one_step_left_out_is_found_out() -> None:
    def careless(sample: Sample, response: Response) -> Score:
        stripped = replace(response, text=response.text.strip())
        return MME.scorer.score(sample, stripped)

    task = replace(MME, variants={"official": replace(MME.scorer, score=careless)})
    report = certify_folder(CONFORMANCE / "mme", task)
    assert entry(report, "official")["status"] == "DISAGREE"
    assert failures(report, "official") == ["official"]


def test_an_answer_that_is_not_marked_is_found_out() -> None:
    def forgetful(records: Sequence[Record]) -> dict[str, JSON]:
        return POPE.scorer.official(records[1:])

    task = replace(POPE, variants={PRIMARY: replace(POPE.scorer, official=forgetful)})
    items = entry(certify_folder(CONFORMANCE / "pope", task))["items"]
    assert items == {"agree": 286, "total": 288}


def test_a_variant_without_scorer_fails_as_the_primary_or_if_strictness_is_asked() -> None:
    task = replace(POPE, variants={PRIMARY: POPE.scorer})
    report = certify_folder(CONFORMANCE / "pope", task)
    assert entry(report, "lmms_eval") == {
        "status": "not implemented",
        "metrics": {"agree": 0, "total": 5},
        "items": {"agree": 0, "total": 144},
        "first_differences": [],
    }
    others = ["official_evaluate_py", "lmms_eval", "vlmevalkit_exact_matching"]
    assert failures(report, PRIMARY) == []
    assert failures(report, "lmms_eval") == ["lmms_eval"]
    assert failures(report, PRIMARY, strict=True) == others
    assert failures(report, PRIMARY, strict=True, skips=others) == []
    assert failures(report, "lmms_eval", strict=True, skips=others) == ["lmms_eval"]


def test_a_disagreement_fails_even_if_it_is_to_be_skipped(tmp_path: Path) -> None:
    report = changed(tmp_path, lambda r: inner(r, "metrics").update(mean=1))
    assert failures(report, "lmms_eval", skips=[PRIMARY]) == [PRIMARY]


def test_contents_are_written_as_the_authors_have_them(tmp_path: Path) -> None:
    rows: list[JSON] = [{"index": 1, "question": "a\tb\n"}, {"index": 2, "hint": "é"}]
    write_data(
        {
            "a.json": {"x": [1]},
            "b.json": rows,
            "coco_pope_x.json": rows,
            "c.jsonl": rows,
            "d.tsv": rows,
            "tree": {"deep": {"1.txt": "Is it?\tYes\r\n"}},
        },
        tmp_path,
    )
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1]}
    assert [row.values for row in read_array(tmp_path / "b.json")] == rows
    for lines in ("coco_pope_x.json", "c.jsonl"):
        assert [row.values for row in read_jsonl(tmp_path / lines)] == rows
    assert (tmp_path / "d.tsv").read_text() == ('index\tquestion\thint\n1\t"a\tb\n"\t\n2\t\té\n')
    assert (tmp_path / "tree/deep/1.txt").read_bytes() == b"Is it?\tYes\r\n"


def test_vectors_cannot_write_outside_their_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leaves the data root"):
        write_data({"../a.json": {}}, tmp_path / "inner")
    with pytest.raises(DataError, match=r"'a.tsv' must hold objects only"):
        write_data({"a.tsv": [1]}, tmp_path)
    with pytest.raises(DataError, match=r"'a.jsonl' must be a list of rows"):
        write_data({"a.jsonl": {}}, tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "expected.json: not JSON"),
        ("[]", "expected.json: must be an object"),
        ("{}", "expected.json: 'task' must name the task"),
        ('{"task": "pope"}', "expected.json: 'variants' must be an object"),
    ],
)
def test_a_folder_that_holds_no_vectors_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "annotations.json").write_text("{}")
    (tmp_path / "expected.json").write_text(text)
    with pytest.raises(DataError, match=complaint):
        read_vectors(tmp_path)


def test_vectors_name_their_task() -> None:
    vectors = read_vectors(CONFORMANCE / "pope")
    assert vectors.task == "pope"
    assert set(vectors.variants) == set(POPE.variants)
