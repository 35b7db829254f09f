"""Recorded vectors as data roots and as marked records, for the tests of all tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import PIL.Image
import pytest

from lvlm_eval.captions.java import align
from lvlm_eval.certify import Vectors, read_vectors, write_data
from lvlm_eval.judging import Replay, judged
from lvlm_eval.plugins import load_task
from lvlm_eval.predictions import read_predictions
from lvlm_eval.schema import JSON, Record, Sample

CONFORMANCE = Path(__file__).parents[1] / "data" / "conformance"

Files = Mapping[str, JSON]
Hub = Callable[[Path, Sequence[Mapping[str, JSON]], Mapping[str, int]], Path]


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], Vectors]:
    """A task's recorded vectors."""
    return cache(lambda name: read_vectors(CONFORMANCE / name))


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Files], Path]:
    """Writes files by their paths under a fresh data root, which it gives."""

    def _write(files: Files) -> Path:
        root = tmp_path_factory.mktemp("root")
        write_data(files, root)
        return root

    return _write


@pytest.fixture(scope="session")
def official(
    vectors: Callable[[str], Vectors], write: Callable[[Files], Path]
) -> Callable[[str], Path]:
    """A data root with a task's recorded files under their official names."""

    @cache
    def _official(name: str) -> Path:
        files = vectors(name).annotations
        return write({f"{name}/{file}": content for file, content in files.items()})

    return _official


@pytest.fixture(scope="session")
def records(official: Callable[[str], Path]) -> Callable[[str, str], Sequence[Record]]:
    """A task's recorded answers, marked by one of its variants."""

    @cache
    def _records(name: str, variant: str) -> Sequence[Record]:
        task = load_task(name)
        samples = {sample.question_id: sample for sample in task.samples(official(name))}
        answers = read_predictions(CONFORMANCE / name / "predictions.jsonl", list(samples.values()))
        score = task.variants[variant].score
        pairs = [(samples[answer.question_id], answer) for answer in answers]
        if task.judge:
            replay = Replay(CONFORMANCE / name / "predictions.jsonl", "recorded")
            pairs = judged(pairs, {v.question_id: v for v in replay.verdicts(task, pairs)})
        pairs = list(task.prepared(pairs))
        return [Record(sample, answer, score(sample, answer)) for sample, answer in pairs]

    return _records


@pytest.fixture(scope="session", autouse=True)
def java_is_asked_once() -> Iterator[None]:
    """METEOR takes seconds to start: the same captions are aligned once in a session."""
    known: dict[str, list[dict[str, float]]] = {}

    def _align(captions: Sequence[tuple[str, Sequence[str]]]) -> list[dict[str, float]]:
        key = repr(captions)
        if key not in known:
            known[key] = align(captions)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lvlm_eval.families.caption.align", _align)
        yield


@pytest.fixture(scope="session")
def content() -> Callable[[Sequence[Sample]], list[JSON]]:
    """What layouts of the same data agree in: all but folders, origins and others' ids."""

    def _content(samples: Sequence[Sample]) -> list[JSON]:
        return [
            [
                sample.question_id,
                sample.prompt.text,
                [image.name for image in sample.prompt.images],
                sample.target,
                sample.facts,
                sample.groups,
                sample.cluster,
            ]
            for sample in samples
        ]

    return _content


@pytest.fixture(scope="session")
def hub() -> Hub:
    """Writes a split as the Hub has it: a Parquet file with these rows, and in each picture column
    a list of so many pictures, of 0 one alone. A row that names the column has none there.
    """
    import datasets

    datasets.disable_progress_bar()
    pixel = PIL.Image.new("RGB", (2, 2))

    def _hub(file: Path, rows: Sequence[Mapping[str, JSON]], pictures: Mapping[str, int]) -> Path:
        plain: list[dict[str, object]] = [
            {k: v for k, v in row.items() if k not in pictures} for row in rows
        ]
        features = dict(datasets.Dataset.from_list(plain).features)
        for column, count in pictures.items():
            features[column] = [datasets.Image()] if count else datasets.Image()
            for row, given in zip(plain, rows, strict=True):
                row[column] = None if column in given else [pixel] * count or pixel
        file.parent.mkdir(parents=True, exist_ok=True)
        data = datasets.Dataset.from_list(plain, features=datasets.Features(features))
        data.to_parquet(file)
        return file

    return _hub


@pytest.fixture
def hub_copy(tmp_path: Path) -> Callable[[str, Sequence[Mapping[str, object]]], Path]:
    """Writes one Parquet file of a Hub data set at its place under a data root, which it gives.

    Each row has a picture in the column `image`, called as its `picture` says.
    """
    import pyarrow
    from pyarrow.parquet import write_table

    def _hub_copy(place: str, rows: Sequence[Mapping[str, object]]) -> Path:
        columns = {key: [row[key] for row in rows] for key in rows[0] if key != "picture"}
        pictures = [{"bytes": b"not opened", "path": row["picture"]} for row in rows]
        file = tmp_path / "hub" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        write_table(pyarrow.table({**columns, "image": pictures}), file)
        return tmp_path / "hub"

    return _hub_copy
