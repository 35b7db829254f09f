"""Declared tasks: from ten lines of YAML to samples and figures."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest
import yaml

from lvlm_eval.declared.build import declared_task
from lvlm_eval.errors import DataError, MissingData, UsageError
from lvlm_eval.images import image_bytes
from lvlm_eval.metrics import add_up
from lvlm_eval.prompts import OPTION_LETTER
from lvlm_eval.schema import Record, Response, Sample, Task

from ..test_images import picture

ONE, TWO = picture("PNG"), picture("JPEG")
CHOICE: Mapping[str, Any] = {
    "title": "Cats (accuracy)",
    "licence": "CC0",
    "family": "choice",
    "breakdown": ["kind"],
    "data": {"tsv": "Cats.tsv"},
}


def declare(folder: Path, content: Mapping[str, Any] | str, name: str = "cats") -> Path:
    file = folder / f"{name}.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(dict(content)))
    return file


def table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)


def cat(index: int, **more: Any) -> dict[str, Any]:
    image = base64.b64encode(ONE).decode()
    asked = {"question": "Which?", "A": "tabby", "B": "black", "C": "", "answer": "B"}
    return {"index": index, "image": image, **asked, "kind": "colour", **more}


def figures(task: Task, answers: Mapping[str, str], samples: Sequence[Sample]) -> dict[str, float]:
    clusters: dict[str, list[Record]] = {}
    for sample in samples:
        response = Response(sample.question_id, answers[sample.question_id], "stop")
        record = Record(sample, response, task.scorer.score(sample, response))
        clusters.setdefault(sample.cluster, []).append(record)
    return task.scorer.finish(add_up(task.scorer.tally(records) for records in clusters.values()))


def test_ten_lines_make_a_task_of_a_table(tmp_path: Path) -> None:
    task = declared_task(declare(tmp_path, CHOICE))
    table(tmp_path / "cats/Cats.tsv", [cat(1), cat(2, answer="A", kind="shape", hint="Look.")])
    first, second = task.samples(tmp_path)
    assert first.prompt.text == f"Which?\nA. tabby\nB. black{OPTION_LETTER}"
    assert second.prompt.text.startswith("Look.\nWhich?")
    assert (first.target, first.facts["options"]) == ("B", {"A": "tabby", "B": "black"})
    assert second.groups == {"kind": "shape"}
    assert image_bytes(first.prompt.images[0]) == ONE
    got = figures(task, {"1": "(B)", "2": "black"}, [first, second])
    assert got["accuracy"] == 0.5
    assert (got["kind/colour"], got["kind/shape"], got["mean of kind"]) == (1.0, 0.0, 0.5)


def test_the_same_samples_come_from_table_lines_and_hub(tmp_path: Path) -> None:
    fields = {"id": "key", "question": "ask", "options": "choices", "answer": "right"}
    sources = [
        {"tsv": "Cats.tsv"},
        {"jsonl": "cats.jsonl", "folder": "pictures", "fields": fields},
        {"hub": "org/cats", "fields": fields | {"image": "picture"}},
    ]
    task = declared_task(declare(tmp_path, {**CHOICE, "data": sources, "answer_is": "text"}))
    row = {"key": "1", "ask": "Which?", "choices": ["tabby", "black"], "right": "black"}
    for kind in ("tsv", "jsonl", "hub"):
        (tmp_path / kind / "cats").mkdir(parents=True)
    table(tmp_path / "tsv/cats/Cats.tsv", [cat(1, answer="black")])
    line = json.dumps({**row, "kind": "colour", "image": "1"})
    (tmp_path / "jsonl/cats/cats.jsonl").write_text(line)
    (tmp_path / "jsonl/cats/pictures").mkdir()
    (tmp_path / "jsonl/cats/pictures/1").write_bytes(ONE)
    features = datasets.Features(
        {name: datasets.Value("string") for name in ("key", "ask", "right", "kind")}
        | {"choices": [datasets.Value("string")], "picture": datasets.Image()}
    )
    cell = {"bytes": ONE, "path": "1"}
    listed = datasets.Dataset.from_list([{**row, "kind": "colour", "picture": cell}], features)
    listed.to_parquet(tmp_path / "hub/cats/test-00000-of-00001.parquet")
    contents = []
    for kind in ("tsv", "jsonl", "hub"):
        (sample,) = task.samples(tmp_path / kind)
        assert image_bytes(sample.prompt.images[0]) == ONE
        names = [image.name for image in sample.prompt.images]
        contents.append((sample.question_id, sample.prompt.text, sample.target, names))
        assert sample.facts == {"options": {"A": "tabby", "B": "black"}}
        assert (sample.groups, sample.cluster) == ({"kind": "colour"}, "1")
    assert contents[0] == contents[1] == contents[2]


def test_sets_of_questions_are_right_only_together(tmp_path: Path) -> None:
    content = {**CHOICE, "together": "pair", "headline": "together", "fields": {"cluster": "pair"}}
    task = declared_task(declare(tmp_path, content))
    table(tmp_path / "cats/Cats.tsv", [cat(i, pair=f"p{i // 2}") for i in range(6)])
    samples = list(task.samples(tmp_path))
    answers = dict(zip("012345", "BBBABA", strict=True))
    got = figures(task, answers, samples)
    assert got["together"] == pytest.approx(1 / 3)
    assert got["accuracy"] == pytest.approx(4 / 6)
    assert task.scorer.headline == "together"
    assert task.scorer.official([])["metrics"] == {}


def test_pictures_stand_where_their_placeholders_are(tmp_path: Path) -> None:
    content = {**CHOICE, "placeholder": "<image>", "prompt": "{question}{options}\nAnswer {kind}."}
    task = declared_task(declare(tmp_path, content))
    cell = str([base64.b64encode(one).decode() for one in (ONE, TWO)])
    rows = [cat(1, image=cell, question="Is <image> like", B="<image>?")]
    table(tmp_path / "cats/Cats.tsv", rows)
    (sample,) = task.samples(tmp_path)
    (turn,) = sample.prompt.turns
    texts = [part if isinstance(part, str) else image_bytes(part) for part in turn.parts]
    assert texts == ["Is ", ONE, " like\nA. tabby\nB. ", TWO, "?\nAnswer colour."]
    table(tmp_path / "cats/Cats.tsv", [cat(1, question="<image>", B="<image>?")])
    with pytest.raises(DataError, match=r"Cats\.tsv:2: '<image>' in the text, but 1"):
        list(task.samples(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, r"cats\.yaml: colour: Extra inputs are not permitted"),
        ({"family": "riddle"}, r"cats\.yaml: family: Input should be 'choice', "),
        ({"data": [{"tsv": "a", "hub": "b"}]}, r"data\.0: .*give exactly one of tsv, jsonl"),
        ({"data": {"tsv": "a", "fields": {"ids": "x"}}}, r"data\.0\.fields: .*'ids' is no field"),
        ({"headline": "mean of size"}, r"'size' is not in breakdown"),
        ({"headline": "together"}, r"needs `together`"),
        ({"read": "hard"}, r"read: 'hard' is none of lenient, "),
        ({"data": {"hub": "o/x", "fields": {"question": "q"}}}, r"'answer' is not named for o/x"),
        ({"assurance": "checked"}, r"a task of your own is 'declared'"),
    ],
)
def test_a_wrong_declaration_is_refused_with_file_and_key(
    tmp_path: Path, change: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        declared_task(declare(tmp_path, {**CHOICE, **change}))


def test_what_is_no_declaration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cats\.yaml: not YAML"):
        declared_task(declare(tmp_path, "title: [1"))
    with pytest.raises(UsageError, match=r"must be an object of keys"):
        declared_task(declare(tmp_path, "- a list"))


def test_broken_rows_are_errors_with_their_line(tmp_path: Path) -> None:
    task = declared_task(declare(tmp_path, CHOICE))
    with pytest.raises(MissingData, match=r"cats: no data: put .*cats/Cats\.tsv"):
        list(task.samples(tmp_path))
    table(tmp_path / "cats/Cats.tsv", [cat(1), cat(2, answer="D")])
    with pytest.raises(DataError, match=r"Cats\.tsv:3: the answer 'D' is not among"):
        list(task.samples(tmp_path))
    table(tmp_path / "cats/Cats.tsv", [cat(1), cat(1)])
    with pytest.raises(DataError, match=r"id '1' occurs twice"):
        list(task.samples(tmp_path))
    table(tmp_path / "cats/Cats.tsv", [cat(1, kind="")])
    with pytest.raises(DataError, match=r"Cats\.tsv:2: 'kind' must be text, got null"):
        list(task.samples(tmp_path))
