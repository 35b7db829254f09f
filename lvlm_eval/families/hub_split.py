"""Benchmarks that live on the Hub: a split's rows from its Parquet files, or written out as JSON.

Written out, `<task>/<split>.json` (a list) or `.jsonl` has the same columns; pictures, which JSON
cannot hold, then lie in `<task>/images/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.answers.letters import Options
from lvlm_eval.data import inside, locate, read_rows
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.schema import Image

_OPTION_LINE = re.compile(r"^\(?([A-Z])[.):] *(.+)$", re.MULTILINE)


def split_rows(root: Path, task: str, table: HubTable) -> Iterator[Row]:
    """The rows of a split, in order."""
    names = (f"{task}/{table.split}{ending}" for ending in ("", ".json", ".jsonl"))
    files = (path for name in names if (path := locate(root, name)) and path.is_file())
    written = next(files, None)
    return read_hub(root, task, table) if written is None else read_rows(written)


def picture(row: Row, root: Path, task: str, name: str, column: str = "image") -> Image:
    """The row's picture under that name: embedded, or a file of it (a PNG if it names none)."""
    if column in row.pictures:
        return replace(row.image(column), name=name)
    file = row.get(column)
    relative = str(file) if isinstance(file, str) and file else f"{name}.png"
    return Image(inside(root / task / "images", relative, row.origin), name=name)


def options_in(question: str) -> Options:
    """The options that a question's own text lists, a line each: "A. cat", "(A) cat"."""
    return {letter: option.strip() for letter, option in _OPTION_LINE.findall(question)}
