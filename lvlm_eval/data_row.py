"""A row of a benchmark's file, whatever its format: fields by name, pictures, and where it stands.

A wrong or missing field is reported with the file and the line.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a benchmark's file, with the file and line it stands at.

    pictures: by column, those that are embedded in the file itself (tables, Parquet).
    """

    values: Mapping[str, JSON]
    origin: str
    pictures: Mapping[str, tuple[Image, ...]] = field(default_factory=dict)

    def get(self, key: str) -> JSON:
        """The field, or None where it is absent."""
        return self.values.get(key)

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if type(value) is str:  # nearly always, and asked millions of times
            return value
        value = self._field(key)
        if not isinstance(value, str):
            raise DataError(f"{self.origin}: {key!r} must be text, got {short(value)}")
        return value

    def integer(self, key: str) -> int:
        value = self._field(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise DataError(f"{self.origin}: {key!r} must be an integer, got {short(value)}")
        return value

    def identifier(self, key: str) -> str:
        """An id as text; benchmarks write them as numbers or as strings."""
        value = self.values.get(key)
        if type(value) is int:
            return str(value)
        value = self._field(key)
        if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
            raise DataError(f"{self.origin}: {key!r} must be an id, got {short(value)}")
        return str(value)

    def items(self, key: str) -> list[JSON]:
        value = self._field(key)
        if not isinstance(value, list):
            raise DataError(f"{self.origin}: {key!r} must be a list, got {short(value)}")
        return value

    def listing(self, key: str) -> list[JSON]:
        """A list, or the text of one as Python writes it, which is read and not run."""
        value = self._field(key)
        if not isinstance(value, str):
            return self.items(key)
        try:
            found = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            found = None
        if not isinstance(found, list):
            raise DataError(f"{self.origin}: {key!r} must be a list, got {short(value)}")
        return found

    def texts(self, key: str) -> list[str]:
        values = [value for value in self.items(key) if isinstance(value, str)]
        if len(values) != len(self.items(key)):
            raise DataError(f"{self.origin}: {key!r} must be a list of texts")
        return values

    def row(self, key: str) -> Row:
        return self._as_row(self._field(key), key)

    def rows(self, key: str) -> list[Row]:
        return [self._as_row(v, f"{key}[{i}]") for i, v in enumerate(self.items(key))]

    def images(self, column: str) -> tuple[Image, ...]:
        """The pictures of a cell, none where it is empty."""
        if column not in self.pictures:
            raise DataError(f"{self.origin}: {column!r} is missing")
        return self.pictures[column]

    def image(self, column: str = "image") -> Image:
        """The one picture of a cell."""
        found = self.images(column)
        if len(found) != 1:
            raise DataError(f"{self.origin}: {column!r} must hold one picture, got {len(found)}")
        return found[0]

    def _field(self, key: str) -> JSON:
        if key not in self.values:
            raise DataError(f"{self.origin}: {key!r} is missing")
        return self.values[key]

    def _as_row(self, value: JSON, key: str) -> Row:
        if not isinstance(value, dict):
            raise DataError(f"{self.origin}: {key!r} must be an object, got {short(value)}")
        return Row(value, self.origin)


def short(value: JSON) -> str:
    """The value as an error message shows it."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."
