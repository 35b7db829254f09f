"""Splits of Hub data sets, written as the `datasets` library writes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets

from ..lvlm_eval.test_images import picture

PNG = picture("PNG")


def write_split(
    file: Path, rows: Sequence[Mapping[str, Any]], pictures: Mapping[str, str | None]
) -> Path:
    """The rows as a Parquet file, with a picture in each of the columns, under a path or none."""
    datasets.disable_progress_bar()
    file.parent.mkdir(parents=True, exist_ok=True)
    cells = {column: {"bytes": PNG, "path": path} for column, path in pictures.items()}
    found = datasets.Dataset.from_list([{**cells, **row} for row in rows])
    for column in pictures:
        found = found.cast_column(column, datasets.Image())
    found.to_parquet(file)
    return file
