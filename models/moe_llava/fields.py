"""JSON objects of a checkpoint, read field by field with their types checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from lvlm_eval.errors import CheckpointError
from lvlm_eval.schema import JSON


def read_json(path: Path) -> Fields:
    """The JSON object in a file; CheckpointError where there is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{path}: no such file; the folder is incomplete, copy or fetch it anew"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: must hold a JSON object")
    return Fields(values, str(path))


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object whose fields are read with their types checked; errors name the file."""

    values: Mapping[str, JSON]
    origin: str

    def integer(self, key: str, default: int | None = None) -> int:
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "an integer", value)
        return value

    def number(self, key: str, default: float | None = None) -> float:
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._wrong(key, "a number", value)
        return float(value)

    def text(self, key: str, default: str | None = None) -> str:
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, "text", value)
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def integers(self, key: str) -> tuple[int, ...]:
        value = self._get(key, None)
        if not isinstance(value, list) or any(type(item) is not int for item in value):
            raise self._wrong(key, "a list of integers", value)
        return tuple(cast("list[int]", value))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where there is none."""
        value = self._get(key, [])
        if not isinstance(value, list) or any(not isinstance(item, str) for item in value):
            raise self._wrong(key, "a list of texts", value)
        return tuple(cast("list[str]", value))

    def numbers(self, key: str, length: int) -> tuple[float, ...]:
        value = self._get(key, None)
        if not isinstance(value, list) or len(value) != length:
            raise self._wrong(key, f"a list of {length} numbers", value)
        if any(isinstance(item, bool) or not isinstance(item, (int, float)) for item in value):
            raise self._wrong(key, f"a list of {length} numbers", value)
        return tuple(float(cast("float", item)) for item in value)

    def fields(self, key: str) -> Fields | None:
        """The object under the key, None where there is none."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(key, "an object", value)
        return Fields(value, f"{self.origin}: {key}")

    def objects(self, key: str) -> list[Fields]:
        """The objects of a list."""
        value = self._get(key, None)
        if not isinstance(value, list) or any(not isinstance(item, dict) for item in value):
            raise self._wrong(key, "a list of objects", value)
        objects = cast("list[dict[str, JSON]]", value)
        return [Fields(item, f"{self.origin}: {key}[{n}]") for n, item in enumerate(objects)]

    def _get(self, key: str, default: JSON) -> JSON:
        """The value; a missing or null one is the default, and an error where there is none."""
        value = self.values.get(key)
        return default if value is None else value

    def _wrong(self, key: str, wanted: str, value: JSON) -> CheckpointError:
        got = "it is missing" if value is None else f"got {json.dumps(value)[:60]}"
        return CheckpointError(f"{self.origin}: {key!r} must be {wanted}; {got}")
