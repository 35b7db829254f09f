"""Pictures: from a file or bytes to RGB, checked once, with a digest that is remembered.

Every image of a task is decoded before the first question is asked, so a truncated file is an
error at the start and not hours into a run. The result is cached by path, size and time.
"""

from __future__ import annotations

import hashlib
import io
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lvlm_eval.errors import ImageError
from lvlm_eval.schema import Image

if TYPE_CHECKING:
    import PIL.Image

PIXEL_LIMIT = 89_478_485  # Pillow's own threshold for a decompression bomb: 1/4 GiB of RGB
# Only formats that Pillow decodes by itself; EPS, for one, would start an interpreter.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
# Pillow decodes a file that lost only its last bytes; the copy that made it is still broken.
_END = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


def open_rgb(image: Image, pixel_limit: int = PIXEL_LIMIT) -> PIL.Image.Image:
    """The decoded picture, 8-bit RGB, width x height as stored (EXIF turns are not applied,
    as in the original evaluation scripts).

    Raises ImageError if it is missing, no image, truncated or over the limit.
    """
    name = str(image.path) if image.path is not None else "image given as bytes"
    return _decode(name, _bytes(image), pixel_limit)


def digest_of(image: Image, pixel_limit: int = PIXEL_LIMIT) -> str:
    """SHA-256 (hex) of the image's bytes, after making sure that they decode."""
    data = _bytes(image)
    _decode(str(image.path or "image given as bytes"), data, pixel_limit)
    return hashlib.sha256(data).hexdigest()


def _bytes(image: Image) -> bytes:
    if image.data is not None:
        return image.data
    assert image.path is not None
    try:
        return image.path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{image.path}: no such image; put the file there") from None
    except OSError as error:
        raise ImageError(f"{image.path}: cannot be read: {error.strerror}") from None


def _decode(name: str, data: bytes, pixel_limit: int) -> PIL.Image.Image:
    import PIL.Image

    over = f" is over the limit of {pixel_limit} pixels"
    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > pixel_limit:
                raise ImageError(f"{name}: {width}x{height}{over}")
            if _END.get(opened.format or "", b"") not in data:
                raise ImageError(f"{name}: is damaged or truncated: it has no end mark")
            return opened.convert("RGB")
    except PIL.Image.DecompressionBombError:
        raise ImageError(f"{name}:{over}") from None
    except PIL.UnidentifiedImageError:
        raise ImageError(f"{name}: is not an image (of {', '.join(FORMATS)})") from None
    except _BROKEN as error:
        raise ImageError(f"{name}: is damaged or truncated: {error}") from None


@dataclass(frozen=True, slots=True)
class DigestCache:
    """Digests of checked files by path, size and modification time, in one SQLite file."""

    file: Path

    def read(self, paths: Iterable[Path]) -> dict[Path, str]:
        """The digests of those paths whose file is unchanged since it was checked."""
        found = {}
        with closing(self._open()) as database:
            for path in paths:
                state = _state(path)
                row = database.execute(
                    "SELECT digest FROM image WHERE path = ? AND size = ? AND time = ?",
                    (str(path.absolute()), *state),
                ).fetchone()
                if row is not None:
                    found[path] = str(row[0])
        return found

    def write(self, digests: Iterable[tuple[Path, str]]) -> None:
        rows = [(str(path.absolute()), *_state(path), digest) for path, digest in digests]
        with closing(self._open()) as database, database:
            database.executemany("INSERT OR REPLACE INTO image VALUES (?, ?, ?, ?)", rows)

    def _open(self) -> sqlite3.Connection:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.file, timeout=30)
        database.execute(
            "CREATE TABLE IF NOT EXISTS image "
            "(path TEXT PRIMARY KEY, size INT, time INT, digest TEXT)"
        )
        return database


def _state(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (-1, -1)
    return (stat.st_size, stat.st_mtime_ns)


def check_images(
    paths: Iterable[Path],
    *,
    cache: DigestCache | None,
    origin: Callable[[Path], str],
    progress: Callable[[int, int], None],
    workers: int = 8,
) -> dict[Path, str]:
    """Digest of every file, each decoded at least once since it last changed.

    `origin` names the row that asks for a file, for the error; `progress(done, total)`.
    """
    wanted = list(dict.fromkeys(paths))
    digests = cache.read(wanted) if cache else {}
    missing = [path for path in wanted if path not in digests]

    def check(path: Path) -> tuple[Path, str]:
        try:
            return path, digest_of(Image(path))
        except ImageError as error:
            raise ImageError(f"{error} (asked for by {origin(path)})") from None

    fresh: list[tuple[Path, str]] = []
    with ThreadPoolExecutor(workers) as pool:
        for result in pool.map(check, missing):
            fresh.append(result)
            progress(len(digests) + len(fresh), len(wanted))
    if cache and fresh:
        cache.write(fresh)
    return digests | dict(fresh)
