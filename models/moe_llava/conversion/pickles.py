"""DeepSpeed's files, which are pickles: read with nothing allowed but plain values and tensors.

torch's own restricted reader runs no code. DeepSpeed's few classes in there are replaced by ones
that keep what they are given and do nothing; any other global is refused by its name.
"""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # only the name of what torch.load raises

import torch
from torch import Tensor
from torch.serialization import safe_globals

from lvlm_eval.errors import CheckpointError

from ..stored import Stored, in_record, records_of


class Inert:
    """Stands for a class that is not installed: takes any arguments and any state."""

    def __init__(self, *values: object) -> None:
        self.values = values


# All that is allowed besides torch's own rebuilding of tensors. An enumeration of whole numbers is
# read as the number; the rest is never looked at.
ALLOWED: tuple[tuple[type, str], ...] = (
    (int, "deepspeed.runtime.zero.config.ZeroStageEnum"),
    (Inert, "deepspeed.runtime.fp16.loss_scaler.LossScaler"),
    (Inert, "deepspeed.runtime.fp16.loss_scaler.DynamicLossScaler"),
    (Inert, "deepspeed.runtime.fp16.loss_scaler.LossScaleProfile"),
    (Inert, "deepspeed.utils.tensor_fragment.fragment_address"),
    (defaultdict, "collections.defaultdict"),
    (dict, "builtins.dict"),
)


@dataclass(frozen=True, slots=True)
class Pickled:
    """What a file holds, its tensors without memory (device "meta"), and where they lie."""

    file: Path
    values: Mapping[str, object]
    records: Mapping[int, int]

    def mapping(self, key: str) -> Mapping[str, object]:
        """The dictionary under the key; an empty one where there is none."""
        value = self.values.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.wrong(key, "a dictionary", value)
        return value

    def items(self, key: str) -> list[object]:
        """The list under the key; an empty one where there is none."""
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, (list, tuple)):
            raise self.wrong(key, "a list", value)
        return list(value)

    def number(self, key: str) -> int:
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(key, "a whole number", value)
        return value

    def within(self, key: str) -> Pickled:
        """The dictionary under the key with the same file."""
        return Pickled(self.file, self.mapping(key), self.records)

    def tensors(self, key: str) -> Iterator[Stored]:
        """The tensors of the dictionary under the key."""
        for name, value in self.mapping(key).items():
            yield self.stored(name, value)

    def stored(self, key: str, value: object) -> Stored:
        """Where a tensor of this file lies."""
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            raise self.wrong(key, "a plain tensor", value)
        return in_record(key, self.file, value, self.records)

    def wrong(self, key: str, wanted: str, value: object) -> CheckpointError:
        return CheckpointError(
            f"{self.file}: {key!r} must be {wanted}, it is a {type(value).__name__}; "
            "is this DeepSpeed's file?"
        )


def read_pickle(file: Path) -> Pickled:
    """The dictionary in a file of torch.save; CheckpointError for any other, or a global in it
    that is not allowed."""
    if not zipfile.is_zipfile(file):
        raise CheckpointError(f"{file}: damaged, or not a file of torch.save; copy it anew")
    try:
        with safe_globals(list(ALLOWED)):
            content = torch.load(file, map_location="meta", weights_only=True)
    except UnpicklingError as error:
        raise CheckpointError(_refusal(file, str(error))) from None
    except (RuntimeError, EOFError, zipfile.BadZipFile) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{file}: damaged: {first}; copy it anew") from None
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{file}: holds a {type(content).__name__}, not a dictionary")
    return Pickled(file, {str(key): value for key, value in content.items()}, records_of(file))


def _refusal(file: Path, message: str) -> str:
    name = re.search(r"GLOBAL (\S+)", message)
    if name is None:
        return f"{file}: damaged: {' '.join(message.split())[-200:]}"
    return (
        f"{file}: refused: its pickle asks for {name.group(1)}, which DeepSpeed's own files do "
        "not need and which could run code when it is read"
    )
