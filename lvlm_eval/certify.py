"""Certificates: recorded vectors of the authors' code against our own scorers, leaf by leaf.

A folder of vectors holds a benchmark's files, answers, and the figures that the original code
gave for them. The files are written out as a user has them and go the whole way: loader,
joining of answers, scorer, official form. Nothing is printed here.
"""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.data import inside, read_text
from lvlm_eval.errors import DataError
from lvlm_eval.judging import Judge, Replay, judged
from lvlm_eval.predictions import join_predictions
from lvlm_eval.schema import JSON, Record, Response, Sample, Scorer, Task

TOLERANCE = 1e-6
TOLERANCES: Mapping[str, float] = {"METEOR": 1e-4}  # its Java code computes in single precision
FIRST = 10  # differences that a report shows
MISSING = "(missing)"

# Named .json by their authors, but with one object a line.
_JSON_LINES = ("coco_pope_",)

Leaves = dict[tuple[str, ...], JSON]


@dataclass(frozen=True, slots=True)
class Vectors:
    """The contents of one folder; `expected` is its expected.json."""

    folder: Path
    annotations: Mapping[str, JSON]
    expected: Mapping[str, JSON]

    @property
    def task(self) -> str:
        """The task that the vectors are for."""
        return str(self.expected["task"])

    @property
    def variants(self) -> Mapping[str, Mapping[str, JSON]]:
        """The recorded figures by variant."""
        recorded = self.expected["variants"]
        assert isinstance(recorded, Mapping)
        return {name: value for name, value in recorded.items() if isinstance(value, Mapping)}


def read_vectors(folder: Path) -> Vectors:
    """The folder's annotations and expected figures; DataError where they are not such."""
    annotations, expected = (
        _read_object(folder / name) for name in ("annotations.json", "expected.json")
    )
    if not isinstance(expected.get("task"), str):
        raise DataError(f"{folder / 'expected.json'}: 'task' must name the task")
    if not isinstance(expected.get("variants"), Mapping):
        raise DataError(f"{folder / 'expected.json'}: 'variants' must be an object")
    return Vectors(folder, annotations, expected)


def certify_folder(folder: Path, task: Task) -> dict[str, JSON]:
    """Each recorded variant's status, counts of agreeing leaves and first differences.

    {variant: {"status": "agree" | "DISAGREE" | "not implemented",
               "metrics": {"agree", "total"}, "items": {"agree", "total"},
               "first_differences": [{"path", "expected", "got"}]}}
    """
    vectors = read_vectors(folder)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        write_data(vectors.annotations, root / vectors.task)
        samples = list(task.samples(root))
    joined = list(join_predictions(folder / "predictions.jsonl", samples))
    responses = {one.response.question_id: one.response for one in joined}
    samples = _prepared(task, samples, responses, Replay(folder / "predictions.jsonl", "recorded"))
    # what has no line goes by the id that a line would have had
    written = {s.question_id: s.aliases[0] for s in samples if s.aliases}
    written |= {one.response.question_id: one.written_id for one in joined}
    ignored = _names(vectors.expected.get("not_compared"))
    report: dict[str, JSON] = {}
    for name, recorded in vectors.variants.items():
        scorer = task.variants.get(name)
        got = _mark(scorer, samples, responses) if scorer else None
        report[name] = _compare_variant(recorded, got, written, ignored)
    return report


def not_implemented(vectors: Vectors) -> dict[str, JSON]:
    """The report of a folder whose task is not here: every variant counted, none agreeing."""
    ignored = _names(vectors.expected.get("not_compared"))
    return {
        name: _compare_variant(recorded, None, {}, ignored)
        for name, recorded in vectors.variants.items()
    }


def failures(
    report: Mapping[str, JSON],
    primary: str,
    *,
    strict: bool = False,
    skips: Collection[str] = (),
) -> list[str]:
    """The variants for which one task's certificate fails, empty where it is passed.

    A disagreement always fails. A variant without a scorer fails if it is the primary, and
    with `strict` whichever it is, unless it is among `skips`.
    """
    failed = []
    for name, result in report.items():
        status = result["status"] if isinstance(result, Mapping) else ""
        demanded = name == primary or (strict and name not in skips)
        if status == "DISAGREE" or (status == "not implemented" and demanded):
            failed.append(name)
    return failed


def write_data(annotations: Mapping[str, JSON], folder: Path) -> None:
    """Write the recorded contents back into files, named and shaped as the authors have them.

    Lists become JSON lines, tab-separated rows or a JSON list by the file's name; an object
    under a name without an ending is a directory of text files.
    """
    for name, content in annotations.items():
        path = inside(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Mapping) and not path.suffix:
            path.mkdir(exist_ok=True)
            write_data(content, path)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8", newline="")
        elif path.suffix == ".tsv":
            _write_table(_rows(content, name), path)
        elif path.suffix == ".jsonl" or path.name.startswith(_JSON_LINES):
            lines = "".join(json.dumps(row) + "\n" for row in _rows(content, name))
            path.write_text(lines, encoding="utf-8")
        else:
            path.write_text(json.dumps(content), encoding="utf-8")


def _prepared(
    task: Task, samples: Sequence[Sample], responses: Mapping[str, Response], judge: Judge
) -> list[Sample]:
    """The samples, those with an answer as the task's scorers want them: judged, prepared."""
    pairs = [(s, responses[s.question_id]) for s in samples if s.question_id in responses]
    if task.judge:
        verdicts = {verdict.question_id: verdict for verdict in judge.verdicts(task, pairs)}
        pairs = judged(pairs, verdicts)
    ready = {sample.question_id: sample for sample, _ in task.prepared(pairs)}
    return [ready.get(sample.question_id, sample) for sample in samples]


def _mark(
    scorer: Scorer, samples: Sequence[Sample], responses: Mapping[str, Response]
) -> dict[str, JSON]:
    """The scorer's figures in official form, over the samples that have an answer.

    Where the code marks the others as well they are failed responses.
    """
    answered = dict(responses)
    if scorer.counts_missing:
        missing = {s.question_id: _missing(s) for s in samples if s.question_id not in responses}
        answered |= missing
    pairs = [(s, answered[s.question_id]) for s in samples if s.question_id in answered]
    return scorer.official([Record(s, r, scorer.score(s, r)) for s, r in pairs])


def _missing(sample: Sample) -> Response:
    return Response(sample.question_id, "", "error", error="no line in the answers file")


def _compare_variant(
    recorded: Mapping[str, JSON],
    got: Mapping[str, JSON] | None,
    written: Mapping[str, str],
    ignored: Collection[str],
) -> JSON:
    figures = _leaves({"metrics": recorded.get("metrics", {})}, ignored)
    items = _leaves({key: recorded[key] for key in _item_keys(recorded)}, ignored)
    if got is None:
        return {
            "status": "not implemented",
            "metrics": {"agree": 0, "total": len(figures)},
            "items": {"agree": 0, "total": len(items)},
            "first_differences": [],
        }
    own_figures = _leaves({"metrics": got.get("metrics", {})}, ignored)
    own_items = _leaves(
        {key: _renamed(got[key], written) for key in _item_keys(recorded) if key in got}, ignored
    )
    wrong_figures = list(_differences(figures, own_figures))
    wrong_items = list(_differences(items, own_items))
    wrong = [*wrong_figures, *wrong_items]
    return {
        "status": "DISAGREE" if wrong else "agree",
        "metrics": _agreement(figures, own_figures, wrong_figures),
        "items": _agreement(items, own_items, wrong_items),
        "first_differences": wrong[:FIRST],
    }


def _item_keys(recorded: Mapping[str, JSON]) -> list[str]:
    """What a variant records besides its metrics; a note is for the reader."""
    return [key for key in recorded if key not in ("metrics", "note")]


def _renamed(value: JSON, written: Mapping[str, str]) -> JSON:
    """An object keyed by question id, keyed by the ids that the answers file uses."""
    if not isinstance(value, Mapping):
        return value
    return {written.get(key, key): entry for key, entry in value.items()}


def _agreement(expected: Leaves, got: Leaves, wrong: Sequence[JSON]) -> JSON:
    total = len(expected.keys() | got.keys())
    return {"agree": total - len(wrong), "total": total}


def _differences(expected: Leaves, got: Leaves) -> Iterator[JSON]:
    """The leaves that differ, those missing and those too many, in recorded order."""
    for path in dict.fromkeys((*expected, *got)):
        one, other = expected.get(path, MISSING), got.get(path, MISSING)
        if not _equal(one, other, TOLERANCES.get(path[-1], TOLERANCE)):
            yield {"path": "/".join(path), "expected": one, "got": _plain(other)}


def _equal(expected: JSON, got: JSON, tolerance: float) -> bool:
    got = _plain(got)
    if isinstance(expected, (int, float)) and isinstance(got, (int, float)):
        return expected == got or abs(expected - got) <= tolerance
    return expected == got


def _plain(value: JSON) -> JSON:
    """The value as JSON can say it: no value is null."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _leaves(value: JSON, ignored: Collection[str], path: tuple[str, ...] = ()) -> Leaves:
    """Every scalar (and empty container) by its path; list entries go by position."""
    if path and path[-1] in ignored:
        return {}
    if isinstance(value, str) or not isinstance(value, (Mapping, Sequence)) or not value:
        return {path: value} if path else {}
    entries = value.items() if isinstance(value, Mapping) else enumerate(value)
    leaves: Leaves = {}
    for key, entry in entries:
        leaves |= _leaves(entry, ignored, (*path, str(key)))
    return leaves


def _names(value: JSON) -> frozenset[str]:
    if value is None or isinstance(value, str) or not isinstance(value, Sequence):
        return frozenset()
    return frozenset(str(name) for name in value)


def _rows(content: JSON, name: str) -> list[Mapping[str, JSON]]:
    if isinstance(content, str) or not isinstance(content, Sequence):
        raise DataError(f"annotations.json: {name!r} must be a list of rows")
    rows = [row for row in content if isinstance(row, Mapping)]
    if len(rows) != len(content):
        raise DataError(f"annotations.json: {name!r} must hold objects only")
    return rows


def _write_table(rows: Sequence[Mapping[str, JSON]], path: Path) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


def _read_object(path: Path) -> Mapping[str, JSON]:
    try:
        value: JSON = json.loads(read_text(path))
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, Mapping):
        raise DataError(f"{path}: must be an object")
    return value
