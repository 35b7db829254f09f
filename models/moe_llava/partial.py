"""Folders that hold only what was trained on top of a model: a projector, or a LoRA adapter.

The rest comes from a base model's folder. As in the original's loader the partial folder's
config.json says what the network is and the base's tokenizer is used; the base's own
config.json is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from lvlm_eval.errors import CheckpointError

from .config import MoEConfig
from .convert import KeyTable
from .lora import ADAPTER_CONFIG, adapter_file
from .stored import Stored, stored_tensors
from .weights import has_weights, weight_files

Kind = Literal["whole", "projector", "lora"]
_PROJECTOR, _TRAINED = "mm_projector.bin", "non_lora_trainables.bin"
_DENSE = re.compile(r"(decoder\.blocks\.(\d+)\.mlp\.)((?:up|gate|down)\..+)")


def kind_of(folder: Path) -> Kind:
    """What a folder holds; CheckpointError for a whole model with an adapter beside it."""
    if (folder / ADAPTER_CONFIG).is_file():
        if has_weights(folder):
            raise CheckpointError(
                f"{folder}: holds a LoRA adapter and whole weights, so which of them counts cannot "
                f"be known; if the weights are merged, remove {ADAPTER_CONFIG}"
            )
        return "lora"
    return "projector" if (folder / _PROJECTOR).is_file() and not has_weights(folder) else "whole"


def check_base(folder: Path, kind: Kind, base: str) -> None:
    """CheckpointError for a base that is missing, or given to a folder that needs none."""
    if kind == "whole" and base:
        raise CheckpointError(f"{folder}: holds a whole model, so base={base} has no use; leave it")
    if kind != "whole" and not base:
        what = {
            "projector": f"a projector only ({_PROJECTOR})",
            "lora": f"a LoRA adapter only ({ADAPTER_CONFIG})",
        }[kind]
        raise CheckpointError(
            f"{folder}: holds {what}; say which model it was trained on, with base=FOLDER or "
            "base=NAME of a model in the hub cache (of convert: --base)"
        )


def own_files(folder: Path, kind: Kind) -> list[Path]:
    """The files of weights in a folder of that kind."""
    if kind == "whole":
        return weight_files(folder)
    if kind == "projector":
        return [folder / _PROJECTOR]
    trained = folder / _TRAINED
    return [adapter_file(folder), *([trained] if trained.is_file() else [])]


def base_table(table: KeyTable, kind: Kind, base_dropped: tuple[str, ...]) -> KeyTable:
    """The table for a base model's keys.

    base_dropped: patterns of what the family's plain language model has besides. A projector that
    the folder replaces is dropped as well.
    """
    replaced = (r".*\bmm_projector\..*",) if kind == "projector" else ()
    return replace(table, dropped=(*table.dropped, *base_dropped, *replaced))


def own_tensors(folder: Path, kind: Kind, root: str) -> list[Stored]:
    """What a partial folder holds besides LoRA matrices, under a whole model's keys.

    A projector's keys count from `mm_projector.` on; what LoRA training saved loses peft's
    prefix, as the original's loader strips it. Both are `moellava/model/builder.py`'s, which
    forgets Qwen's root and so drops what was trained of it.
    """
    if kind == "projector":
        tensors = stored_tensors([folder / _PROJECTOR])
        return [replace(one, key=_after_projector(one.key, root)) for one in tensors]
    tensors = stored_tensors(own_files(folder, kind)[1:])
    stripped = [one.key.removeprefix("base_model.") for one in tensors]
    if any(key.startswith(f"model.{root}") for key in stripped):
        stripped = [key.removeprefix("model.") for key in stripped]
    return [replace(one, key=key) for one, key in zip(tensors, stripped, strict=True)]


def _after_projector(key: str, root: str) -> str:
    before, found, after = key.rpartition("mm_projector.")
    return f"{root}{found}{after}" if found else before + after


def with_experts(named: Mapping[str, Stored], moe: MoEConfig | None) -> dict[str, Stored]:
    """A base's dense MLPs also as the experts that LoRA training made copies of.

    For layers that are to have experts and have none: the original starts each expert, and the
    residual branch, as a copy of the layer's dense MLP.
    """
    grown: dict[str, Stored] = {}
    for name, stored in named.items():
        dense = _DENSE.fullmatch(name)
        experts = moe.experts_of(int(dense[2])) if dense and moe else 0
        if dense is None or not experts:
            grown[name] = stored
            continue
        for expert in range(experts):
            grown.setdefault(f"{dense[1]}experts.{expert}.{dense[3]}", stored)
        if moe and moe.residual:
            grown.setdefault(f"{dense[1]}shared.{dense[3]}", stored)
    return grown
