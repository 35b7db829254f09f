"""What a conversion is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import torch

from lvlm_eval.errors import UsageError

from ..config_file import Layout
from ..fields import Fields
from ..settings import DTYPES


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be written and how. dtype: of all weights but routers; None keeps each one's."""

    target: Path
    to: Layout
    dtype: torch.dtype | None
    max_bytes: int


def choose_job(target: Path, to: str, dtype: str, max_shard_size: str) -> Job:
    """The job for what was typed; UsageError for what does not exist."""
    if to not in get_args(Layout):
        raise UsageError(f"--to {to}: no such layout; there are {', '.join(get_args(Layout))}")
    if dtype and dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}; there are {', '.join(DTYPES)}")
    size = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", max_shard_size.strip(), re.IGNORECASE)
    if size is None or float(size[1]) == 0:
        raise UsageError(f"--max-shard-size {max_shard_size!r}: give a size such as 5GB or 500MB")
    power = " KMGT".index(size[2].upper() or " ")
    kept = DTYPES[dtype] if dtype else None
    return Job(target, cast("Layout", to), kept, int(float(size[1]) * 1000**power))


def with_dtype(fields: Fields, dtype: torch.dtype | None) -> Fields:
    """config.json with the dtype that is written; as it is for None."""
    if dtype is None:
        return fields
    name = str(dtype).removeprefix("torch.")
    values = {key: value for key, value in fields.values.items() if key != "dtype"}
    return Fields(values | {"torch_dtype": name}, fields.origin)
