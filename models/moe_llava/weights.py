"""Weight files of a checkpoint folder: which they are, their tensors one by one, their digest.

Formats in the order of preference: sharded safetensors, one safetensors, sharded .bin, one .bin.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from pickle import UnpicklingError  # only the name of what torch.load raises

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from lvlm_eval.errors import CheckpointError

from .convert import KeyTable
from .fields import read_json
from .moe import Router

_SAMPLES, _BLOCK, _HEAD = 64, 1 << 16, 1 << 20


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, complete; CheckpointError if there are none or one lacks."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _shards(index)
        if (folder / name).is_file():
            return [folder / name]
    raise CheckpointError(
        f"{folder}: no weights; wanted model.safetensors or pytorch_model.bin, "
        "or either's .index.json with its shards"
    )


def _shards(index: Path) -> list[Path]:
    weight_map = read_json(index).fields("weight_map")
    names = sorted({str(name) for name in weight_map.values.values()}) if weight_map else []
    files = [index.parent / name for name in names]
    missing = [file.name for file in files if not file.is_file()]
    if missing or not files:
        raise CheckpointError(f"{index}: shards are missing: {', '.join(missing) or 'all'}")
    return files


def read_tensors(files: Sequence[Path]) -> Iterator[tuple[str, Tensor]]:
    """Keys and CPU tensors in file order, one at a time; never runs code from a file."""
    for file in files:
        try:
            yield from _safetensors(file) if file.suffix == ".safetensors" else _torch_file(file)
        except (SafetensorError, UnpicklingError, RuntimeError, OSError, EOFError) as error:
            raise CheckpointError(f"{file}: damaged weights: {error}") from None


def _safetensors(file: Path) -> Iterator[tuple[str, Tensor]]:
    with safe_open(file, framework="pt") as opened:
        for key in opened.keys():  # noqa: SIM118
            yield key, opened.get_tensor(key)


def _torch_file(file: Path) -> Iterator[tuple[str, Tensor]]:
    if not zipfile.is_zipfile(file):
        raise CheckpointError(f"{file}: not a torch file of version 1.6 or later; save it anew")
    tensors: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    yield from tensors.items()


def fill(network: nn.Module, files: Sequence[Path], table: KeyTable, dtype: torch.dtype) -> None:
    """Gives the network's parameters their values, in the dtype, on the CPU, tensor by tensor.

    Routers stay fp32. Rows beyond our vocabulary are cut, as the original resizes embedding and
    head to the tokenizer's length. A key that the table does not know, or whose parameter is
    not there or has another shape, is an error.
    """
    wanted = dict(network.named_parameters())
    for whole, tensor in read_tensors(files):
        keys = table.parts(whole)
        parts = tensor.chunk(len(keys)) if len(keys) > 1 else [tensor]
        for key, part in zip(keys, parts, strict=True):
            name = table.ours(key)
            if name is None:
                continue
            if name not in wanted:
                raise CheckpointError(f"the weights hold {key!r}; config.json has no place for it")
            _set(network, name, _fitting(key, part, name, wanted[name].shape), dtype)


def _fitting(key: str, tensor: Tensor, name: str, shape: torch.Size) -> Tensor:
    """The tensor, vocabulary cut; CheckpointError where its shape is another than ours."""
    if name in ("decoder.embedding.weight", "decoder.head.weight"):
        tensor = tensor[: shape[0]]
    if tensor.shape != shape:
        raise CheckpointError(
            f"{key!r} has shape {list(tensor.shape)}; config.json and tokenizer "
            f"ask for {list(shape)}"
        )
    return tensor


def _set(network: nn.Module, name: str, tensor: Tensor, dtype: torch.dtype) -> None:
    owner, _, leaf = name.rpartition(".")
    module = network.get_submodule(owner)
    kept = torch.float32 if isinstance(module, Router) else dtype
    # a copy in any case: a mapped file must not stay open behind the parameter
    value = tensor.to(kept, copy=True).contiguous()
    setattr(module, leaf, nn.Parameter(value, requires_grad=False))


def check_complete(network: nn.Module) -> None:
    """CheckpointError naming the parameters that no file gave a value."""
    missing = [name for name, parameter in network.named_parameters() if parameter.is_meta]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise CheckpointError(f"the weights lack {len(missing)} tensors: {shown}")


def digest_of_files(files: Iterable[Path]) -> str:
    """SHA-256 (hex) over each file's name, size, first MiB (the header) and sampled blocks.

    64 blocks of 64 KiB spread over the file: cheap for files of many GB, and training changes
    every block. Files below 5 MiB are read whole.
    """
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda f: f.name):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as opened:
            if size <= _HEAD + _SAMPLES * _BLOCK:
                digest.update(opened.read())
                continue
            digest.update(opened.read(_HEAD))
            for sample in range(_SAMPLES):
                opened.seek(_HEAD + (size - _HEAD - _BLOCK) * sample // (_SAMPLES - 1))
                digest.update(opened.read(_BLOCK))
    return digest.hexdigest()


def named_tensors(network: nn.Module, table: KeyTable, prefix: str = "") -> dict[str, Tensor]:
    """The parameters under the prefix by the checkpoint's keys, to be saved in its layout."""
    tensors = {
        table.theirs(name): parameter.detach().contiguous()
        for name, parameter in network.named_parameters()
        if name.startswith(prefix)
    }
    for key in [key for key in tensors if "/0." in key]:
        whole = key.replace("/0.", ".")
        tensors[whole] = torch.cat([tensors.pop(part) for part in table.parts(whole)])
    return tensors
