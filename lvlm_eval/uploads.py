"""The file that a benchmark's server wants for a run's answers, made and read back.

What a task's server wants is the task's `Upload`; here it becomes bytes, and is checked as the
server will: every question once, every answer a text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lvlm_eval.answers.traces import without_trace
from lvlm_eval.errors import DataError, TooFewAnswers
from lvlm_eval.schema import JSON, Response, Sample, Upload
from lvlm_eval.sheet import read_sheet, write_sheet

Entry = Mapping[str, int | str]
ENDINGS = {"list": ".json", "mapping": ".json", "sheet": ".xlsx"}
_FIRST = 3  # ids that a message names


def make_upload(
    upload: Upload, samples: Sequence[Sample], responses: Mapping[str, Response], root: Path
) -> bytes:
    """The file's content, checked; TooFewAnswers where a question that was asked has no answer.

    root: where the task's data are; some servers want more ids than those asked, and blanks there.
    """
    missing = [s.question_id for s in samples if not _answered(responses.get(s.question_id))]
    if missing:
        raise TooFewAnswers(
            f"{len(missing)} of {len(samples)} questions have no answer ({_some(missing)}), which "
            "the server would mark as wrong; ask them first: the same `run` goes on"
        )
    texts = [without_trace(responses[s.question_id].text)[0] for s in samples]
    entries = [upload.entry(s, text) for s, text in zip(samples, texts, strict=True)]
    if upload.blanks is not None:
        entries = _with_blanks(entries, upload.blanks(root), upload.key)
    content = _write(upload, entries)
    check_upload(upload, content, [entry[upload.key] for entry in entries])
    return content


def check_upload(upload: Upload, content: bytes, ids: Iterable[int | str]) -> None:
    """Raises DataError where the file is not what the server takes: a list with each of the ids
    once, in order, and a text as each answer."""
    rows = _read(upload, content)
    for place, row in enumerate(rows, start=1):
        if upload.key not in row or not isinstance(row.get(upload.answer), str):
            raise DataError(
                f"row {place} of the upload needs {upload.key!r} and {upload.answer!r} as text"
            )
    found, wanted = [row[upload.key] for row in rows], list(ids)
    repeated = [str(one) for one, count in Counter(found).items() if count > 1]
    absent = sorted(map(str, set(wanted) - set(found)))
    foreign = sorted(map(str, set(found) - set(wanted)))
    faults = (("repeated", repeated), ("absent", absent), ("of no question", foreign))
    for what, some in faults:
        if some:
            raise DataError(f"the upload has ids that are {what}: {_some(some)}")


def _answered(response: Response | None) -> bool:
    return response is not None and response.finish != "error"


def _with_blanks(entries: Sequence[Entry], blanks: Iterable[Entry], key: str) -> list[Entry]:
    """Every blank, in order, filled where it was asked; an error for an id that is no blank."""
    asked = {entry[key]: entry for entry in entries}
    filled = [asked.pop(blank[key], blank) for blank in blanks]
    if asked:
        raise DataError(
            f"{len(asked)} questions that were asked are not in the server's list of ids "
            f"({_some(list(map(str, asked)))}); the files are of two editions"
        )
    return filled


def _write(upload: Upload, entries: Sequence[Entry]) -> bytes:
    if upload.kind == "sheet":
        return write_sheet(entries)
    if upload.kind == "mapping":
        answers = {entry[upload.key]: entry[upload.answer] for entry in entries}
        return json.dumps(answers, ensure_ascii=False).encode()
    return json.dumps(entries, ensure_ascii=False).encode()


def _read(upload: Upload, content: bytes) -> list[Mapping[str, JSON]]:
    if upload.kind == "sheet":
        return list(read_sheet(content))
    if upload.kind == "mapping":
        pairs = json.loads(content, object_pairs_hook=_Pairs)
        if not isinstance(pairs, _Pairs):
            raise DataError("the upload must be an object of answers by id")
        return [{upload.key: key, upload.answer: answer} for key, answer in pairs]
    rows = json.loads(content)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("the upload must be a list of objects")
    return rows


class _Pairs(list[tuple[str, JSON]]):
    """An object's entries as they stand, repeated keys and all."""


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_FIRST]) + (" ..." if len(ids) > _FIRST else "")
