"""Safetensors shards written tensor by tensor: what is read is one tensor, never a shard.

A tensor that is written is made of stored ones, or of rows of such, one after the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lvlm_eval.schema import JSON

from ..lora import Merged, read_planned
from ..reading import CPU
from ..stored import Stored

# safetensors' names
_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
}
_BLOCK = 64 << 20  # bytes handed to the file at once


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor to be written. parts: its elements one after the other; zeros follow where they
    are fewer than the shape has."""

    key: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    parts: tuple[Stored | Merged, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> Tensor:
        """The tensor, contiguous, in its dtype, on the CPU."""
        if len(self.parts) == 1 and self.parts[0].elements == math.prod(self.shape):
            return read_planned(self.parts[0], self.dtype, CPU).view(self.shape)
        flat, end = torch.zeros(math.prod(self.shape), dtype=self.dtype), 0
        for part in self.parts:
            flat[end : end + part.elements] = read_planned(part, self.dtype, CPU).view(-1)
            end += part.elements
        return flat.view(self.shape)


def copy_of(stored: Stored, key: str, dtype: torch.dtype | None = None) -> Output:
    """The whole stored tensor under a key, in its own dtype or another."""
    return Output(key, dtype or stored.dtype, stored.shape, (stored,))


def only_dtype(outputs: Sequence[Output]) -> torch.dtype | None:
    """The dtype of all of them; None where they have several."""
    dtypes = {output.dtype for output in outputs}
    return dtypes.pop() if len(dtypes) == 1 else None


def write_shards(outputs: Sequence[Output], folder: Path, max_bytes: int) -> list[Path]:
    """Writes model.safetensors, or shards of at most so many bytes with their index.

    A tensor larger than that has a shard of its own. The names are those of transformers.
    """
    shards = list(_shards(outputs, max_bytes))
    if len(shards) == 1:
        return [_write(shards[0], folder / "model.safetensors")]
    count = len(shards)
    names = [f"model-{n:05d}-of-{count:05d}.safetensors" for n in range(1, count + 1)]
    files = [_write(s, folder / name) for s, name in zip(shards, names, strict=True)]
    weight_map: dict[str, JSON] = {
        output.key: name for shard, name in zip(shards, names, strict=True) for output in shard
    }
    total = sum(output.nbytes for output in outputs)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    return files


def _shards(outputs: Sequence[Output], max_bytes: int) -> Iterator[list[Output]]:
    shard: list[Output] = []
    size = 0
    for output in outputs:
        if shard and size + output.nbytes > max_bytes:
            yield shard
            shard, size = [], 0
        shard.append(output)
        size += output.nbytes
    yield shard


def _write(outputs: Sequence[Output], file: Path) -> Path:
    """One file: the header's length (8 bytes), the header, the tensors without gaps."""
    header: dict[str, JSON] = {"__metadata__": {"format": "pt"}}
    end = 0
    for output in outputs:
        start, end = end, end + output.nbytes
        header[output.key] = {
            "dtype": _NAMES[output.dtype],
            "shape": list(output.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(8, "little") + text)
        for output in outputs:
            raw = output.read().view(-1).view(torch.uint8)
            for start in range(0, len(raw), _BLOCK):
                opened.write(raw[start : start + _BLOCK].numpy().data)
    return file
