"""Tab-separated benchmark files as VLMEvalKit and MMBench have them, pictures inside as base64.

The quoting is pandas': a cell with a tab, a newline or a quote stands in quotes, a quote in it is
doubled. The file is mapped and scanned once; of a picture only its place is kept.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.schema import Base64Cell, Image

REFERENCE = 64  # a picture's cell of at most so many bytes names another row, as in VLMEvalKit
_BOM = b"\xef\xbb\xbf"
_LISTED = re.compile(rb"'([^']*)'|\"([^\"]*)\"")


@dataclass(frozen=True, slots=True)
class _Cell:
    """The bytes from `start` to `end`, quotes around them left out."""

    start: int
    end: int
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    """One record: the file's line where it begins, and its cells."""

    number: int
    cells: Sequence[_Cell]


def read_tsv(path: Path, pictures: Collection[str] = ("image",), key: str = "index") -> list[Row]:
    """The rows of the file in order: cells as text, None where empty, and pictures by column.

    A picture's cell holds base64, a list of base64 (`['...', '...']`), or the `key` of another row
    whose picture it is. A picture is called by the key of the row that holds it.
    """
    try:
        with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as data:
            return _rows(data, path, pictures, key)
    except FileNotFoundError:
        raise MissingData(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise DataError(f"{path}: is empty") from None


def _rows(data: mmap.mmap, path: Path, pictures: Collection[str], key: str) -> list[Row]:
    lines = _lines(data, path)
    header = next(lines, None)
    if header is None:
        raise DataError(f"{path}: has no header")
    names = [_text(data, cell, f"{path}:{header.number}") for cell in header.cells]
    if len(set(names)) != len(names):
        raise DataError(f"{path}:{header.number}: a column occurs twice in the header")
    found: dict[str, dict[str, _Cell]] = {column: {} for column in pictures if column in names}
    rows = []
    for line in lines:
        origin = f"{path}:{line.number}"
        if len(line.cells) != len(names):
            raise DataError(f"{origin}: {len(line.cells)} cells, but the header has {len(names)}")
        cells = dict(zip(names, line.cells, strict=True))
        values = {n: _text(data, c, origin) or None for n, c in cells.items() if n not in found}
        own = str(values.get(key) or line.number)
        for column, holders in found.items():
            holders.setdefault(own, cells[column])
        rows.append((Row(values, origin), own))
    table = _Pictures(data, path, found)
    return [Row(row.values, row.origin, table.of(own, row.origin)) for row, own in rows]


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Where the pictures of a file are: by column and key of the row."""

    data: mmap.mmap
    path: Path
    cells: Mapping[str, Mapping[str, _Cell]]

    def of(self, key: str, origin: str) -> dict[str, tuple[Image, ...]]:
        return {column: self._images(column, key, origin) for column in self.cells}

    def _images(self, column: str, key: str, origin: str) -> tuple[Image, ...]:
        cell = self.cells[column][key]
        if cell.start < cell.end <= cell.start + REFERENCE:
            key = _text(self.data, cell, origin)
            other = self.cells[column].get(key)
            if other is None or other.end - other.start <= REFERENCE:
                raise DataError(f"{origin}: {column!r} names row {key!r}, which holds no picture")
            cell = other
        return tuple(self._embedded(cell, key))

    def _embedded(self, cell: _Cell, key: str) -> Iterator[Image]:
        if cell.start == cell.end:
            return
        if self.data[cell.start : cell.start + 1] != b"[":
            yield Image(self.path, cell=Base64Cell(cell.start, cell.end - cell.start), name=key)
            return
        found = _LISTED.finditer(self.data, cell.start, cell.end)
        for number, match in enumerate(found, start=1):
            start, end = match.span(match.lastindex or 0)
            yield Image(self.path, cell=Base64Cell(start, end - start), name=f"{key}-{number}")


def _text(data: mmap.mmap, cell: _Cell, origin: str) -> str:
    try:
        text = data[cell.start : cell.end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{origin}: not UTF-8 text (byte {cell.start + error.start})") from None
    return text.replace('""', '"') if cell.quoted else text


def _lines(data: mmap.mmap, path: Path) -> Iterator[_Line]:
    """The records, blank lines left out."""
    position = len(_BOM) if data[: len(_BOM)] == _BOM else 0
    number = 1
    while position < len(data):
        cells, end = _record(data, position, f"{path}:{number}")
        if len(cells) > 1 or cells[0].start < cells[0].end:
            yield _Line(number, cells)
        quoted = (data[c.start : c.end].count(b"\n") for c in cells if c.quoted)
        number += 1 + sum(quoted)
        position = end


def _record(data: mmap.mmap, position: int, origin: str) -> tuple[list[_Cell], int]:
    """The cells of the record that starts there, and where the next one starts."""
    cells = []
    line_end = _line_end(data, position)
    while True:
        if data[position : position + 1] == b'"':
            cell = _Cell(position + 1, _closing_quote(data, position + 1, origin), quoted=True)
            after = cell.end + 1
            line_end = max(line_end, _line_end(data, after))
        else:
            tab = data.find(b"\t", position, line_end)
            after = tab if tab >= 0 else _without_return(data, position, line_end)
            cell = _Cell(position, after)
        cells.append(cell)
        if data[after : after + 1] == b"\t" and after < line_end:
            position = after + 1
        elif after >= _without_return(data, position, line_end):
            return cells, line_end + 1
        else:
            raise DataError(f"{origin}: text after a closing quote")


def _line_end(data: mmap.mmap, position: int) -> int:
    found = data.find(b"\n", position)
    return found if found >= 0 else len(data)


def _without_return(data: mmap.mmap, start: int, line_end: int) -> int:
    """The end of a line without its carriage return."""
    returns = line_end > start and data[line_end - 1 : line_end] == b"\r"
    return line_end - 1 if returns else line_end


def _closing_quote(data: mmap.mmap, position: int, origin: str) -> int:
    while True:
        found = data.find(b'"', position)
        if found < 0:
            raise DataError(f"{origin}: a quote is not closed")
        if data[found + 1 : found + 2] != b'"':
            return found
        position = found + 2
