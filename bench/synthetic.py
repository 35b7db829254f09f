"""Checkpoints of any size with seeded random weights, written tensor by tensor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lvlm_eval.models.moe_llava.convert import KeyTable
from lvlm_eval.models.moe_llava.network import Network

_ALIGNED, _PIECE = 64, 1 << 24
_NAMES = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor to be written. kind: "norm" is one throughout, "bias" zero, else drawn."""

    key: str
    shape: tuple[int, ...]
    kind: str

    @property
    def elements(self) -> int:
        return torch.Size(self.shape).numel()


def entries_of(network: nn.Module, table: KeyTable, prefixes: tuple[str, ...]) -> list[Entry]:
    """What a checkpoint holds of a network's parameters, which may be on the device meta.

    Fused tensors are one entry; the embedding and the head have the network's own size.
    """
    entries: dict[str, Entry] = {}
    for name, parameter in network.named_parameters():
        if not name.startswith(prefixes):
            continue
        key, shape = table.theirs(name), tuple(parameter.shape)
        kind = "bias" if name.endswith("bias") else "norm" if "norm" in name else "weight"
        if "/" in key:
            stem, _, end = key.partition("/")
            key, before = stem + end[1:], entries.get(stem + end[1:])
            shape = (shape[0] + (before.shape[0] if before else 0), *shape[1:])
        entries[key] = Entry(key, shape, kind)
    return list(entries.values())


def draw(network: Network, dtype: torch.dtype, device: torch.device) -> Network:
    """The network with weights drawn on the device itself; routers stay fp32."""
    generator = torch.Generator(device).manual_seed(0)
    for name, parameter in list(network.named_parameters()):
        owner, _, leaf = name.rpartition(".")
        kept = torch.float32 if name.endswith("router.weight") else dtype
        value = torch.empty(parameter.shape, dtype=kept, device=device)
        kind = "bias" if leaf == "bias" else "norm" if "norm" in name else "weight"
        if kind == "weight":
            value.normal_(0, 0.02, generator=generator)
        else:
            value.fill_(float(kind == "norm"))
        setattr(network.get_submodule(owner), leaf, nn.Parameter(value, requires_grad=False))
    return network


def write_sharded(
    folder: Path, entries: Sequence[Entry], dtype: torch.dtype, shard_bytes: int, suffix: str
) -> int:
    """Writes shards and their index; returns the bytes of the tensors. suffix: safetensors, bin.

    Only .bin keeps a shard in memory, since torch writes it whole.
    """
    shards: list[list[Entry]] = [[]]
    for entry in entries:
        full = sum(e.elements for e in shards[-1]) + entry.elements
        if shards[-1] and full * dtype.itemsize > shard_bytes:
            shards.append([])
        shards[-1].append(entry)
    stem = "model" if suffix == "safetensors" else "pytorch_model"
    generator, weight_map = torch.Generator().manual_seed(0), dict[str, str]()
    for number, shard in enumerate(shards, 1):
        file = folder / f"{stem}-{number:05}-of-{len(shards):05}.{suffix}"
        if suffix == "safetensors":
            _write_safetensors(file, shard, dtype, generator)
        else:
            whole = {e.key: torch.cat(list(_pieces(e, dtype, generator))) for e in shard}
            torch.save({e.key: whole[e.key].view(e.shape) for e in shard}, file)
        weight_map |= {entry.key: file.name for entry in shard}
    total = sum(entry.elements for entry in entries) * dtype.itemsize
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index, indent=1))
    return total


def _write_safetensors(
    file: Path, entries: Sequence[Entry], dtype: torch.dtype, generator: torch.Generator
) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for entry in entries:
        end = offset + entry.elements * dtype.itemsize
        described = {"dtype": _NAMES[dtype], "shape": entry.shape, "data_offsets": [offset, end]}
        header[entry.key], offset = described, end
    encoded = json.dumps(header).encode()
    encoded += b" " * (-(len(encoded) + 8) % _ALIGNED)
    with file.open("wb") as opened:
        opened.write(len(encoded).to_bytes(8, "little") + encoded)
        for entry in entries:
            for piece in _pieces(entry, dtype, generator):
                opened.write(piece.view(torch.uint8).numpy().data)


def _pieces(entry: Entry, dtype: torch.dtype, generator: torch.Generator) -> Iterator[Tensor]:
    """The entry's values one after the other, flat, in pieces of bounded size."""
    for start in range(0, entry.elements, _PIECE):
        count = min(_PIECE, entry.elements - start)
        if entry.kind == "weight":
            yield torch.empty(count).normal_(0, 0.02, generator=generator).to(dtype)
        else:
            yield torch.full((count,), float(entry.kind == "norm"), dtype=dtype)
