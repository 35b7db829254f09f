"""Weight files of a checkpoint folder: which they are, which parameter each tensor becomes.

Formats in the order of preference: sharded safetensors, one safetensors, sharded .bin, one .bin.
All is checked before the first tensor is read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor, nn

from lvlm_eval.errors import CheckpointError

from .convert import KeyTable
from .fields import read_json
from .lora import Merged, read_planned
from .memory import give_back
from .moe import Router
from .reading import CPU, is_mapped
from .stored import Stored
from .tied import EMBEDDING, HEAD, without_tied_head

# Their rows beyond our vocabulary are cut.
_BY_TOKEN = (EMBEDDING, HEAD)
_GIVEN_BACK = 1 << 25  # weights after which freed memory is given back

# A module's name and the module, all its weights in place; may change them.
OnLoaded = Callable[[str, nn.Module], None]


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


def has_weights(folder: Path) -> bool:
    """Whether a folder holds a whole model's weights, or at least their index."""
    names = ("model.safetensors", "pytorch_model.bin")
    return any((folder / f"{n}{end}").is_file() for n in names for end in ("", ".index.json"))


def _shards(index: Path) -> list[Path]:
    weight_map = read_json(index).fields("weight_map")
    names = sorted({str(name) for name in weight_map.values.values()}) if weight_map else []
    outside = [name for name in names if PurePosixPath(name).name != name or "\\" in name]
    if outside:
        raise CheckpointError(
            f"{index}: names the shard {outside[0]!r}; shards lie beside their index, nowhere else"
        )
    files = [index.parent / name for name in names]
    missing = [file.name for file in files if not file.is_file()]
    if missing or not files:
        raise CheckpointError(
            f"{index}: shards are missing: {', '.join(missing) or 'all'}; the folder is "
            "incomplete, copy or fetch it anew"
        )
    return files


def by_our_names(tensors: Iterable[Stored], table: KeyTable) -> dict[str, Stored]:
    """Our names to the stored tensors, or to parts of such, that they stand for.

    Keys that the table drops are left out; those that it does not know are an error, and so is
    one parameter under two keys.
    """
    found: dict[str, Stored] = {}
    for whole in tensors:
        keys = table.parts(whole.key)
        for key, part in zip(keys, _split(whole, len(keys)), strict=True):
            name = table.ours(key, whole.file)
            if name is None:
                continue
            if name in found:
                raise CheckpointError(
                    f"{whole.file}: {key!r} and {found[name].key!r} are the same weights; "
                    "which one counts cannot be known"
                )
            found[name] = part
    return found


def plan(
    network: nn.Module, named: Mapping[str, Stored], rows: int | None = None
) -> dict[str, Stored]:
    """What each parameter of the network becomes, in its shape.

    Rows beyond our vocabulary are cut, as the original resizes embedding and head to the
    tokenizer's length. rows: as many as must be stored, None where that is free. CheckpointError
    for a tensor whose parameter is not there or has another shape, and for a tied head that
    differs from the embedding.
    """
    wanted = dict(network.named_parameters())
    if EMBEDDING in wanted and HEAD not in wanted:
        named = without_tied_head(named, wanted[EMBEDDING].shape[0])
    planned = {}
    for name, stored in named.items():
        if name not in wanted:
            raise CheckpointError(
                f"{stored.file}: holds {stored.key!r}; config.json has no place for it"
            )
        shape = wanted[name].shape
        own = _cut(stored, shape[0], rows) if name in _BY_TOKEN else stored
        planned[name] = _fitting(own, shape)
    return planned


def _split(whole: Stored, count: int) -> list[Stored]:
    """The tensor in so many equal parts, one after the other."""
    if count == 1:
        return [whole]
    rows, rest = divmod(whole.shape[0] if whole.shape else 0, count)
    if rest or not rows:
        raise CheckpointError(
            f"{whole.file}: {whole.key!r} of shape {list(whole.shape)} is not {count} equal parts"
        )
    return [whole.rows(part * rows, (part + 1) * rows) for part in range(count)]


def _cut(stored: Stored, rows: int, there: int | None) -> Stored:
    """The first rows of so many that must be there."""
    if there is not None and stored.shape[:1] != (there,):
        raise CheckpointError(
            f"{stored.file}: {stored.key!r} has shape {list(stored.shape)}; config.json says "
            f"vocab_size {there}"
        )
    return stored.rows(0, rows) if stored.shape and stored.shape[0] > rows else stored


def _fitting(stored: Stored, shape: torch.Size) -> Stored:
    """The tensor; CheckpointError where shape or type is not that of weights."""
    if stored.shape != tuple(shape):
        raise CheckpointError(
            f"{stored.file}: {stored.key!r} has shape {list(stored.shape)}; config.json and "
            f"tokenizer ask for {list(shape)}"
        )
    if not stored.dtype.is_floating_point:
        raise CheckpointError(
            f"{stored.file}: {stored.key!r} is stored as {stored.dtype}; weights that were "
            "quantised elsewhere are not read: take the unquantised checkpoint, then quant=int8"
        )
    return stored


def fill(
    network: nn.Module,
    planned: Mapping[str, Stored | Merged],
    dtype: torch.dtype,
    device: torch.device = CPU,
    on_loaded: OnLoaded | None = None,
) -> frozenset[Path]:
    """Gives the network's parameters their values, tensor by tensor in the files' order.

    Routers stay fp32. As soon as a module has all its own parameters, on_loaded is called.
    Returns the files that parameters are mappings of.
    """
    mapped, passed = set(), 0
    waiting = Counter(name.rpartition(".")[0] for name in planned)
    for name, source in sorted(planned.items(), key=lambda item: _place(item[1])):
        owner, _, leaf = name.rpartition(".")
        module = network.get_submodule(owner)
        kept = torch.float32 if isinstance(module, Router) else dtype
        if isinstance(source, Stored) and is_mapped(source, kept, device):
            mapped.add(source.file)
        # no name for the value: it would keep what on_loaded replaces
        setattr(module, leaf, nn.Parameter(read_planned(source, kept, device), False))
        waiting[owner] -= 1
        if on_loaded and not waiting[owner]:
            on_loaded(owner, module)
        passed += source.elements
        if passed >= _GIVEN_BACK:
            give_back()
            passed = 0
    give_back()
    return frozenset(mapped)


def _place(source: Stored | Merged) -> tuple[Path, int]:
    stored = source if isinstance(source, Stored) else source.weight
    return stored.file, stored.offset


def check_complete(
    network: nn.Module, planned: Iterable[str], files: Sequence[Path], table: KeyTable
) -> None:
    """CheckpointError naming, by their keys, the parameters that no file has a value for."""
    given = set(planned)
    names = (name for name, _ in network.named_parameters() if name not in given)
    missing = list(dict.fromkeys(re.sub(r"/\d", "", table.theirs(name)) for name in names))
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise CheckpointError(
            f"{files[0].parent}: the weights ({', '.join(file.name for file in files[:3])}"
            f"{', ...' if len(files) > 3 else ''}) lack {len(missing)} tensors: {shown}; "
            "fetch them anew, or take the config.json that was saved with them"
        )


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
