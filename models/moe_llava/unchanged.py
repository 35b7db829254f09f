"""Whether weight files are still what they were when the checkpoint was opened.

Large weights may be the files' own pages (`reading.py`). A trainer that writes a new checkpoint
over them would change the answers of a network in use; this makes it an error instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from lvlm_eval.errors import CheckpointError

Stamps = Mapping[Path, tuple[int, int, int]]


def stamps_of(files: Iterable[Path]) -> Stamps:
    """Each file's inode, size in bytes and time of the last change in nanoseconds."""
    return {file: stamp for file in files if (stamp := _stamp(file)) is not None}


def check_unchanged(stamps: Stamps) -> None:
    """CheckpointError naming the first file that is gone or is another than its stamp."""
    for file, stamp in stamps.items():
        if _stamp(file) != stamp:
            raise CheckpointError(
                f"{file}: has changed since the checkpoint was opened, so answers would no longer "
                "be those of the weights on record; start again, from a folder nothing writes to"
            )


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
