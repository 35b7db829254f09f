"""Where the tensors of weight files lie: key, type, shape and place, without reading them.

safetensors: the header says it. torch's zip files: torch itself reads the pickle, with nothing
allowed but tensors, onto the device "meta", and says where in the file each storage starts.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError  # only the name of what torch.load raises

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from lvlm_eval.errors import CheckpointError

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_LOCAL_HEADER = 30  # bytes before name and extra field of a zip file's record


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file. offset: of its first element, in bytes; stride: in elements."""

    key: str
    file: Path
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.elements * self.dtype.itemsize

    @property
    def span(self) -> int:
        """Elements from the first to the last, with what lies between them."""
        steps = zip(self.shape, self.stride, strict=True)
        return 1 + sum((size - 1) * step for size, step in steps) if self.elements else 0

    @property
    def contiguous(self) -> bool:
        sizes = zip(self.shape, self.stride, _strides(self.shape), strict=True)
        return all(size == 1 or step == own for size, step, own in sizes)

    @property
    def gaps(self) -> bool:
        """Whether it is a matrix whose rows are in one piece each, but do not follow each other."""
        return len(self.shape) == 2 and self.stride[1] == 1 and self.stride[0] > self.shape[1]

    def rows(self, start: int, stop: int) -> Stored:
        """The rows from start to before stop, as a tensor of its own."""
        offset = self.offset + start * self.stride[0] * self.dtype.itemsize
        return replace(self, shape=(stop - start, *self.shape[1:]), offset=offset)

    def columns(self, start: int, stop: int) -> Stored:
        """The columns from start to before stop of a matrix, as a tensor of its own."""
        offset = self.offset + start * self.stride[1] * self.dtype.itemsize
        return replace(self, shape=(self.shape[0], stop - start), offset=offset)


def stored_tensors(files: Sequence[Path]) -> list[Stored]:
    """All tensors of the files, in file order; never runs code from a file.

    CheckpointError where a file is damaged, is of a format that is not read, would run code, or
    holds a key that another holds.
    """
    found: dict[str, Stored] = {}
    for file in files:
        for stored in _tensors_of(file):
            other = found.setdefault(stored.key, stored)
            if other is not stored:
                raise CheckpointError(
                    f"{file}: holds {stored.key!r}, which {other.file.name} holds as well; "
                    "which one counts cannot be known: remove the file that is left over"
                )
    return list(found.values())


def _tensors_of(file: Path) -> list[Stored]:
    try:
        return list(_safetensors(file) if file.suffix == ".safetensors" else _torch_file(file))
    except UnpicklingError as error:
        raise CheckpointError(_refusal(file, str(error))) from None
    except (SafetensorError, RuntimeError, OSError, EOFError, zipfile.BadZipFile) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{file}: damaged weights: {first}; fetch the file anew") from None


def _refusal(file: Path, message: str) -> str:
    name = re.search(r"GLOBAL (\S+)", message)
    if name is None:
        return f"{file}: damaged weights: {message.splitlines()[0]}; fetch the file anew"
    return (
        f"{file}: refused: its pickle asks for {name.group(1)}, which could run code when it is "
        "read; save the tensors alone, best as safetensors"
    )


def _safetensors(file: Path) -> Iterator[Stored]:
    with safe_open(file, framework="pt"):  # checks sizes, offsets and gaps
        pass
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length))
    header.pop("__metadata__", None)
    entries = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    for key, entry in entries:
        dtype = _DTYPES.get(entry["dtype"])
        if dtype is None:
            raise CheckpointError(f"{file}: {key!r} is of type {entry['dtype']}, which is not read")
        shape = tuple(entry["shape"])
        offset = 8 + length + entry["data_offsets"][0]
        yield Stored(key, file, dtype, shape, _strides(shape), offset)


def _torch_file(file: Path) -> Iterator[Stored]:
    if not zipfile.is_zipfile(file):
        raise CheckpointError(
            f"{file}: not a torch file of version 1.6 or later; load and save it with a newer torch"
        )
    records = records_of(file)
    content = torch.load(file, map_location="meta", weights_only=True)
    if not isinstance(content, dict):
        raise CheckpointError(f"{file}: holds a {type(content).__name__}, not tensors by name")
    for key, tensor in content.items():
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.is_quantized:
            kind = getattr(tensor, "layout", type(tensor).__name__)
            raise CheckpointError(f"{file}: {key!r} is no plain tensor but {kind}")
        yield in_record(str(key), file, tensor, records)


def in_record(key: str, file: Path, tensor: Tensor, records: Mapping[int, int]) -> Stored:
    """The place of a tensor whose storage must be one of the file's records."""
    start = tensor.untyped_storage()._checkpoint_offset
    if start is None:
        raise CheckpointError(
            f"{file}: torch {torch.__version__} does not say where in it {key!r} lies; "
            "install the torch of constraints.txt, or save the weights as safetensors"
        )
    offset = start + int(tensor.storage_offset()) * tensor.dtype.itemsize
    stored = Stored(key, file, tensor.dtype, tuple(tensor.shape), tensor.stride(), offset)
    end = offset + stored.span * tensor.dtype.itemsize
    if start not in records or end > start + records[start]:
        raise CheckpointError(f"{file}: damaged weights: {key!r} lies outside its record")
    return stored


def records_of(file: Path) -> dict[int, int]:
    """Where the uncompressed records of a zip file start, to their sizes in bytes."""
    records = {}
    with zipfile.ZipFile(file) as opened, file.open("rb") as raw:
        for info in opened.infolist():
            raw.seek(info.header_offset)
            header = raw.read(_LOCAL_HEADER)
            lengths = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:], "little")
            if info.compress_type == zipfile.ZIP_STORED:
                records[info.header_offset + _LOCAL_HEADER + sum(lengths)] = info.file_size
    return records


def _strides(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a tensor whose rows follow one another without gaps."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
