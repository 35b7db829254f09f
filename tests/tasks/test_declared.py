"""Every declared benchmark loads from each of its places in the documented schema."""

import base64
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from lvlm_eval.declared.declaration import Declaration, Source, read_declaration
from lvlm_eval.images import image_bytes
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import Record, Response

from ..lvlm_eval.test_images import picture
from .documented_rows import BASE64, NAMED, PICTURE, ROWS, Row

FOLDER = Path(__file__).parents[2] / "tasks"
FILES = {file.stem: file for file in FOLDER.glob("*.yaml")} | {
    file.parent.name: file for file in FOLDER.glob("*/declaration.yaml")
}
NAMES = sorted(FILES)
PLACES = [(name, place) for name in NAMES for place in range(len(ROWS.get(name, [])))]
DATA = picture("PNG")
TEXT = base64.b64encode(DATA).decode()


def declaration(name: str) -> Declaration:
    return read_declaration(FILES[name])


def kind_of(source: Source) -> str:
    return next(kind for kind in ("tsv", "jsonl", "json_file", "hub") if getattr(source, kind))


@pytest.fixture(autouse=True)
def quiet() -> None:
    datasets.disable_progress_bar()


@pytest.mark.parametrize("name", NAMES)
def test_every_place_of_the_data_has_a_documented_row(name: str) -> None:
    kinds = [kind_of(source).removesuffix("_file") for source in declaration(name).data]
    assert [kind for kind, _ in ROWS[name]] == kinds


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_a_documented_row_becomes_a_question_that_can_be_answered(
    name: str, place: int, tmp_path: Path
) -> None:
    task, source = load_task(name), declaration(name).data[place]
    write(ROWS[name][place][1], source, tmp_path / name)
    samples = list(task.samples(tmp_path))
    assert len(samples) == len(source.configs)
    sample = samples[0]
    assert sample.prompt.images
    assert sample.target is not None
    assert {image_bytes(image) for image in sample.prompt.images} == {DATA}
    assert sample.prompt.text.strip()
    right, nothing = (
        Response(sample.question_id, text, "stop") for text in (str(sample.target), "")
    )
    assert task.scorer.score(sample, right).values["correct"] == 1
    assert task.scorer.score(sample, nothing).values["correct"] == 0
    record = Record(sample, right, task.scorer.score(sample, right))
    figures = task.scorer.finish(task.scorer.tally([record]))
    assert len(figures) > 1
    if name != "cv_bench":  # its headline needs questions of all three sources
        assert figures[task.scorer.headline] == 1
        assert not any(math.isnan(value) for value in figures.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_task_says_whose_it_is_and_under_which_terms(name: str) -> None:
    declared = declaration(name)
    assert "arXiv" in declared.paper
    assert declared.licence


def write(row: Row, source: Source, folder: Path) -> None:
    folder.mkdir()
    (folder / source.folder / NAMED).parent.mkdir(parents=True, exist_ok=True)
    (folder / source.folder / NAMED).write_bytes(DATA)
    if source.tsv:
        table = pd.DataFrame([{k: TEXT if v is PICTURE else v for k, v in row.items()}])
        table.to_csv(folder / source.tsv, sep="\t", index=False)
    elif source.jsonl:
        (folder / source.jsonl).write_text(json.dumps(row))
    elif source.json_file:
        content = {source.under: [row]} if source.under else [row]
        (folder / source.json_file).write_text(json.dumps(content))
    else:
        for config in source.configs:
            parquet(row, folder / ("data" if config == "default" else config), source.split)


def parquet(row: Row, folder: Path, split: str) -> None:
    """As the `datasets` library writes a split of one row."""
    folder.mkdir(exist_ok=True)
    columns = dict(embedded(row))
    found = datasets.Dataset.from_dict({name: [value] for name, (value, _) in columns.items()})
    for name, (_, feature) in columns.items():
        found = found.cast_column(name, feature) if feature else found
    found.to_parquet(folder / f"{split}-00000-of-00001.parquet")


def embedded(row: Row) -> Iterator[tuple[str, tuple[Any, Any]]]:
    cell = {"bytes": DATA, "path": None}
    for name, value in row.items():
        if value is PICTURE or value is None:
            yield name, (cell if value is PICTURE else None, datasets.Image())
        elif isinstance(value, list) and PICTURE in value:
            yield name, ([cell] * len(value), datasets.Sequence(datasets.Image()))
        else:
            yield name, (TEXT if value is BASE64 else value, None)
