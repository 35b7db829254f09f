"""Pictures embedded in data files: one cell's bytes, read when they are asked for.

Nothing is kept: a file of gigabytes costs the memory of one picture, of Parquet that of the
pictures which its writer packed into one page with it.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lvlm_eval.schema import Base64Cell, ParquetCell

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile


def read_cell(file: Path, cell: Base64Cell | ParquetCell) -> bytes:
    """The picture's bytes; OSError or ValueError where the cell holds none."""
    if isinstance(cell, Base64Cell):
        return _base64(file, cell)
    return _parquet(file, cell)


def _base64(file: Path, cell: Base64Cell) -> bytes:
    with file.open("rb") as opened:
        opened.seek(cell.start)
        text = opened.read(cell.length)
    return _decoded(text)


def _decoded(text: bytes | str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64 ({error})") from None


def _parquet(file: Path, cell: ParquetCell) -> bytes:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file, memory_map=True) as opened:
        group, row = _group_of(opened, cell.row)
        # one row at a time: the rows before it in its group are passed over, not held
        batches = opened.iter_batches(batch_size=1, row_groups=[group], columns=[cell.column])
        batch = next(batch for place, batch in enumerate(batches) if place == row)
        value = batch.column(0)[0].as_py()
    if cell.part is not None:
        value = value[cell.part]
    content = value["bytes"] if isinstance(value, dict) else value
    if not content:
        raise ValueError("the cell is empty")
    # some data sets hold the base64 of their tables instead of a picture
    return _decoded(content) if isinstance(content, str) else cast("bytes", content)


def _group_of(opened: ParquetFile, row: int) -> tuple[int, int]:
    """The row group that holds a row of the file, and the row's place in it."""
    for group in range(opened.num_row_groups):
        size = opened.metadata.row_group(group).num_rows
        if row < size:
            return group, row
        row -= size
    raise ValueError("the file has fewer rows than when it was opened first")
