"""Pictures: from a file, a cell of one or bytes to RGB, checked once, digests remembered.

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
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lvlm_eval.errors import ImageError
from lvlm_eval.picture_cells import read_cell
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
    return _decode(image.place, image_bytes(image), pixel_limit)


def size_of(image: Image) -> tuple[int, int]:
    """Width and height by the picture's head, pixels undecoded; ImageError where it has none."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(image_bytes(image)), formats=FORMATS) as opened:
            return opened.size
    except (*_BROKEN, PIL.Image.DecompressionBombError) as error:
        raise ImageError(f"{image.place}: no picture whose size can be read: {error}") from None


def digest_of(image: Image, pixel_limit: int = PIXEL_LIMIT) -> str:
    """SHA-256 (hex) of the image's bytes, after making sure that they decode."""
    data = image_bytes(image)
    _decode(image.place, data, pixel_limit)
    return hashlib.sha256(data).hexdigest()


def image_bytes(image: Image) -> bytes:
    """The picture as it is stored, undecoded; ImageError if it cannot be read."""
    if image.data is not None:
        return image.data
    assert image.path is not None
    try:
        return image.path.read_bytes() if image.cell is None else read_cell(image.path, image.cell)
    except FileNotFoundError:
        raise ImageError(f"{image.path}: no such image; put the file there") from None
    except OSError as error:
        raise ImageError(f"{image.place}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ImageError(f"{image.place}: holds no picture: {error}") from None


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
    """Digests of checked pictures by place, size and time of their file, in one SQLite file."""

    file: Path

    def read(self, images: Iterable[Image]) -> dict[Image, str]:
        """The digests of those pictures whose file is unchanged since they were checked."""
        found = {}
        state = cache(_state)  # one file may hold all pictures
        with closing(self._open()) as database:
            for image in images:
                row = database.execute(
                    "SELECT digest FROM image WHERE path = ? AND size = ? AND time = ?",
                    (_key(image), *state(image.path)),
                ).fetchone()
                if row is not None:
                    found[image] = str(row[0])
        return found

    def write(self, digests: Iterable[tuple[Image, str]]) -> None:
        state = cache(_state)
        rows = [(_key(image), *state(image.path), digest) for image, digest in digests]
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


def _key(image: Image) -> str:
    assert image.path is not None
    return replace(image, path=image.path.absolute()).place


def _state(path: Path | None) -> tuple[int, int]:
    assert path is not None
    try:
        stat = path.stat()
    except OSError:
        return (-1, -1)
    return (stat.st_size, stat.st_mtime_ns)


def check_images(
    images: Iterable[Image],
    *,
    cache: DigestCache | None,
    origin: Callable[[Image], str],
    progress: Callable[[int, int], None],
    workers: int = 8,
) -> dict[Image, str]:
    """Digest of every picture, each decoded at least once since its file last changed.

    The pictures lie in files. `origin` names the row that asks for one, for the error;
    `progress(done, total)`.
    """
    wanted = list(dict.fromkeys(images))
    digests = cache.read(wanted) if cache else {}
    missing = [image for image in wanted if image not in digests]

    def check(image: Image) -> tuple[Image, str]:
        try:
            return image, digest_of(image)
        except ImageError as error:
            raise ImageError(f"{error} (asked for by {origin(image)})") from None

    fresh: list[tuple[Image, str]] = []
    with ThreadPoolExecutor(workers) as pool:
        for result in pool.map(check, missing):
            fresh.append(result)
            progress(len(digests) + len(fresh), len(wanted))
    if cache and fresh:
        cache.write(fresh)
    return digests | dict(fresh)
