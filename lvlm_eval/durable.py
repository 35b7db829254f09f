"""Files that survive a crash: JSON replaced atomically, JSON lines appended and synced.

A line counts once it is on disk. A line torn by a crash is cut off; any other damage is an
error that names file and line.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import jsonlines

from lvlm_eval.errors import StoreError
from lvlm_eval.schema import JSON

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
SYNC_RECORDS = 64
SYNC_SECONDS = 1.0


def write_json(file: Path, value: Mapping[str, JSON]) -> None:
    """Replace the file in one step; after a crash it is either the old or the new one."""
    write_text(file, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(file: Path, text: str) -> None:
    """As `write_json`, for any text."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, content: bytes) -> None:
    """As `write_json`, for anything."""
    _replace(file, [content])


def write_lines(file: Path, values: Iterable[Mapping[str, JSON]]) -> None:
    """As `write_json`, one compact object a line; never all of them in memory."""
    _replace(file, map(_line, values))


def _replace(file: Path, content: Iterable[bytes]) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as opened:
            opened.writelines(content)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(file.parent)


def _line(value: Mapping[str, JSON]) -> bytes:
    return (_dumps(value) + "\n").encode()


# Not looking for circles: what is written is built here, of values that cannot hold themselves.
_dumps = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


def fields_of(value: DataclassInstance) -> dict[str, JSON]:
    """A dataclass whose fields are plain JSON, as an object: `asdict` without copying them."""
    names, get = _getter(type(value))
    return dict(zip(names, get(value), strict=True))


@lru_cache
def _getter(
    kind: type[DataclassInstance],
) -> tuple[tuple[str, ...], Callable[[DataclassInstance], tuple[JSON, ...]]]:
    """The names of a dataclass's fields, of which it has several, and what gets them all."""
    names = tuple(field.name for field in fields(kind))
    return names, attrgetter(*names)


def read_json(file: Path) -> Mapping[str, JSON]:
    """The object that a file holds."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise StoreError(f"{file}:{error.lineno}: damaged: not JSON ({error.msg})") from None
    except UnicodeDecodeError:
        raise StoreError(f"{file}: damaged: not UTF-8 text") from None
    if not isinstance(value, dict):
        raise StoreError(f"{file}: damaged: not a JSON object")
    return value


def parse(kind: type[T], value: Mapping[str, JSON], origin: str) -> T:
    """The value as the dataclass `kind`, every field checked; StoreError if it does not fit."""
    return parser(kind)(value, origin)


def parser(kind: type[T]) -> Callable[[Mapping[str, JSON], str], T]:
    """`parse` for many values of one kind: building the checks takes longer than using them."""
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(kind)

    def parse_one(value: Mapping[str, JSON], origin: str) -> T:
        try:
            return adapter.validate_python(value, extra="forbid")
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise StoreError(
                f"{origin}: damaged: not a {kind.__name__}: {field}: {first['msg']}"
            ) from None

    return parse_one


def read_lines(file: Path) -> Iterator[tuple[int, Mapping[str, JSON]]]:
    """Line number and object of every complete line; a torn last line is left out."""
    data = file.read_bytes()
    complete = data[: data.rfind(b"\n") + 1]
    try:
        text = complete.decode("utf-8")
    except UnicodeDecodeError as error:
        line = complete.count(b"\n", 0, error.start) + 1
        raise StoreError(f"{file}:{line}: damaged: not UTF-8 text") from None
    # Split at newlines only: an answer may hold U+2028, where str.splitlines would also cut.
    reader = jsonlines.Reader(text.split("\n")[:-1])
    number = 0
    while True:
        number += 1
        try:
            yield number, reader.read(type=dict)
        except EOFError:
            return
        except jsonlines.InvalidLineError:
            raise StoreError(
                f"{file}:{number}: damaged: not a JSON object; restore the file from a copy, or "
                "remove this line to have its question asked again"
            ) from None


def folder_name(name: str) -> str:
    """A model's name as a folder's: anything unusual becomes a dash."""
    return re.sub(r"[^\w.@+-]+", "-", name).strip("-.") or "model"


def sync_folder(folder: Path) -> None:
    """Make the folder's entries (a new or renamed file) durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class LineWriter:
    """Appends JSON lines; on disk after at most 64 lines or one second.

    Opening cuts off a torn last line and locks the file: a second writer is an error, since
    two would ask every question twice.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("ab+")
        self._lock_file(file)
        self._cut_torn_line()
        sync_folder(file.parent)
        self._unsynced = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._sync_regularly, daemon=True)
        self._thread.start()

    def add(self, value: Mapping[str, JSON]) -> None:
        line = _line(value)
        with self._lock:
            self._file.write(line)
            self._unsynced += 1
            if self._unsynced >= SYNC_RECORDS:
                self._sync()

    def add_all(self, values: Iterable[Mapping[str, JSON]]) -> None:
        """Answers that are there already, all on disk at once."""
        with self._lock:
            self._file.writelines(map(_line, values))
            self._unsynced += 1
            self._sync()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        with self._lock:
            self._sync()
            self._file.close()

    def __enter__(self) -> LineWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _lock_file(self, file: Path) -> None:
        for attempt in range(20):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            # A process that was just killed may still be going away.
            time.sleep(0.05 * (attempt < 19))
        self._file.close()
        raise StoreError(f"{file} is being written by another process; wait for it to end")

    def _cut_torn_line(self) -> None:
        self._file.seek(0)
        end = self._file.read().rfind(b"\n") + 1
        self._file.truncate(end)

    def _sync_regularly(self) -> None:
        while not self._closed.wait(SYNC_SECONDS):
            with self._lock:
                self._sync()

    def _sync(self) -> None:
        if self._unsynced:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._unsynced = 0
