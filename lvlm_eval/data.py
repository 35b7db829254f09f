"""Benchmark files: finding them under the data root and reading them row by row.

Rows know where they came from, so a wrong or missing field is reported with file and line.
Nothing outside the data root is read. Images are left to `images.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lvlm_eval.data_row import Row as Row  # readers and what they give, under one name
from lvlm_eval.data_row import short
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.schema import JSON, Sample

_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"


def locate(root: Path, *candidates: str) -> Path | None:
    """The first of the relative paths that exists under the data root, None if none does."""
    for candidate in candidates:
        path = inside(root, candidate)
        if path.exists():
            return path
    return None


def require(root: Path, task: str, *candidates: str) -> Path:
    """As `locate`, but a missing file is an error that names every place looked at."""
    path = locate(root, *candidates)
    if path is None:
        wanted = " or ".join(str(root / candidate) for candidate in candidates)
        raise MissingData(f"{task}: no data: put the benchmark's file at {wanted}")
    return path


def image_folder(root: Path, *candidates: str) -> Path:
    """The first candidate that exists, else the first: answers are marked without images too."""
    return locate(root, *candidates) or inside(root, candidates[0])


def inside(root: Path, relative: str, origin: str = "") -> Path:
    """The path under the root; an error where it leads out of it (`..`, absolute)."""
    relative_path = Path(relative)
    if relative_path.is_absolute() or ".." in relative_path.parts or "\0" in relative:
        where = f"{origin}: " if origin else ""
        raise DataError(
            f"{where}path {relative!r} leaves the data root {root}; only files under it are read"
        )
    return root / relative_path


def unique(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The samples, with an error at the second one of an id: one answer would hide the other."""
    seen: dict[str, str] = {}
    for sample in samples:
        if sample.question_id in seen:
            first = seen[sample.question_id]
            raise DataError(
                f"{sample.origin}: id {sample.question_id!r} occurs twice, first at {first}; "
                "the answers to the two could not be told apart"
            )
        seen[sample.question_id] = sample.origin
        yield sample


def read_text(path: Path) -> str:
    """The file's text, UTF-8 with or without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MissingData(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def read_jsonl(path: Path) -> Iterator[Row]:
    """The rows of a file with one JSON object a line; blank lines are skipped."""
    name, parse = str(path), _fast_parser()
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line and not line.isspace():
            value = parse(line)
            yield _object(
                _parse(line, path, number) if value is None else value, f"{name}:{number}"
            )


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file that circulates both as JSON lines and as one JSON list."""
    return read_array(path) if read_text(path).lstrip().startswith("[") else read_jsonl(path)


def read_array(path: Path, key: str | None = None) -> Iterator[Row]:
    """The objects of a JSON list: the whole document, or the list under `key` of its object.

    With a key, what follows that list is not read.
    """
    text = read_text(path)
    position = _skip(text, 0) if key is None else _find_key(text, key, path)
    if text[position : position + 1] != "[":
        where = "the document" if key is None else repr(key)
        raise DataError(f"{path}:{_line(text, position)}: {where} must be a list")
    line, counted, origin = 1, 0, f"{path}:1"
    for start, value in _elements(text, position, path, whole=key is None):
        if text.find("\n", counted, start) >= 0:  # several times as fast as counting
            line += text.count("\n", counted, start)
            origin = f"{path}:{line}"
        counted = start
        yield _object(value, origin)


def read_mapping(path: Path) -> Iterator[tuple[str, Row]]:
    """The entries of a JSON object of objects, in order; a repeated key is an error."""
    text = read_text(path)
    seen: set[str] = set()
    line, counted = 1, 0
    for start, key, value in _entries(text, path):
        line, counted = line + text.count("\n", counted, start), start
        if key in seen:
            raise DataError(f"{path}:{line}: id {key!r} occurs twice; one would hide the other")
        seen.add(key)
        yield key, _object(value, f"{path}:{line}")


def read_object(path: Path) -> Row:
    """The one JSON object that the file is."""
    return _object(_parse(read_text(path), path, 1), f"{path}:1")


def _fast_parser() -> Callable[[str], JSON]:
    """Reads JSON several times as fast as the standard library, whose readers say what is wrong:
    gives None for null and for what it cannot read."""
    from pydantic_core import from_json

    def parse(text: str) -> JSON:
        try:
            value: JSON = from_json(text)
        except ValueError:
            return None
        return value

    return parse


def _object(value: JSON, origin: str) -> Row:
    if not isinstance(value, dict):
        raise DataError(f"{origin}: must be an object, got {short(value)}")
    return Row(value, origin)


def _parse(line: str, path: Path, number: int) -> JSON:
    try:
        value: JSON = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}:{number}: not JSON: {_reason(error)}") from None
    return value


def _find_key(text: str, key: str, path: Path) -> int:
    """Where the value of `key` starts in the top-level object."""
    for start, found, _ in _entries(text, path, stop_at=key):
        if found == key:
            return start
    raise DataError(f"{path}:1: the object has no {key!r}")


def _entries(text: str, path: Path, stop_at: str | None = None) -> Iterator[tuple[int, str, JSON]]:
    """Position, key and value of each entry of the top-level object.

    With `stop_at`, the position is where that key's value starts, and it is not read.
    """
    position = _expect(text, 0, "{", path)
    while text[position : position + 1] != "}":
        key_position = position
        key, position = _value(text, position, path)
        if not isinstance(key, str):
            raise DataError(f"{path}:{_line(text, key_position)}: not JSON: expected a key")
        position = _expect(text, position, ":", path)
        if key == stop_at:
            yield position, key, None
            return
        value, position = _value(text, position, path)
        yield key_position, key, value
        position = _comma(text, position, "}", path)
    _end(text, position, path)


def _elements(text: str, position: int, path: Path, *, whole: bool) -> Iterator[tuple[int, JSON]]:
    """Position and value of each element of the list that starts at `position`.

    whole: the list is the document, so nothing may follow it.
    """
    position = _expect(text, position, "[", path)
    while text[position : position + 1] != "]":
        start = position
        value, position = _value(text, position, path)
        yield start, value
        position = _comma(text, position, "]", path)
    if whole:
        _end(text, position, path)


def _end(text: str, position: int, path: Path) -> None:
    """An error if anything follows the bracket at `position`."""
    after = _skip(text, position + 1)
    if after < len(text):
        raise DataError(f"{path}:{_line(text, after)}: not JSON: text after the end")


def _value(text: str, position: int, path: Path) -> tuple[JSON, int]:
    try:
        value, end = _DECODER.raw_decode(text, position)
    except (ValueError, RecursionError) as error:
        where = error.lineno if isinstance(error, json.JSONDecodeError) else _line(text, position)
        raise DataError(f"{path}:{where}: not JSON: {_reason(error)}") from None
    return value, end


def _reason(error: ValueError | RecursionError) -> str:
    """What is wrong; also for numbers of thousands of digits and for very deep nesting."""
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _comma(text: str, position: int, closing: str, path: Path) -> int:
    """The position of what follows the comma, or of the closing bracket."""
    if text.startswith(", {", position):  # as Python writes lists: by far the most frequent
        return position + 2
    position = _skip(text, position)
    if text[position : position + 1] == closing:
        return position
    position = _expect(text, position, ",", path)
    if text[position : position + 1] == closing:
        raise DataError(f"{path}:{_line(text, position)}: not JSON: a comma before {closing!r}")
    return position


def _expect(text: str, position: int, character: str, path: Path) -> int:
    position = _skip(text, position)
    if text[position : position + 1] != character:
        raise DataError(f"{path}:{_line(text, position)}: not JSON: expected {character!r}")
    return _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
