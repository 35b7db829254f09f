"""Steps as DeepSpeed 0.9.5 and 0.19 write them, without DeepSpeed.

Its classes are made for as long as a file is written, under the names that its pickles have.
"""

from __future__ import annotations

import contextlib
import enum
import math
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

EXPERT = ".deepspeed_moe.experts.deepspeed_experts."


class ZeroStageEnum(int, enum.Enum):
    optimizer_states = 1
    gradients = 2
    weights = 3


class DynamicLossScaler:
    def __init__(self) -> None:
        self.cur_scale = 65536


@dataclass
class fragment_address:  # noqa: N801  DeepSpeed's name
    numel: int
    start: int


_CLASSES: Mapping[str, type] = {
    "deepspeed.runtime.zero.config": ZeroStageEnum,
    "deepspeed.runtime.fp16.loss_scaler": DynamicLossScaler,
    "deepspeed.utils.tensor_fragment": fragment_address,
}


@contextlib.contextmanager
def deepspeeds_names() -> Iterator[None]:
    """The classes above can be pickled under DeepSpeed's names."""
    before = set(sys.modules)
    own = {kind: kind.__module__ for kind in _CLASSES.values()}
    for name, kind in _CLASSES.items():
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            full = ".".join(parts[:end])
            sys.modules.setdefault(full, types.ModuleType(full))
        setattr(sys.modules[name], kind.__name__, kind)
        kind.__module__ = name
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
        for kind, module in own.items():
            kind.__module__ = module


def save(content: object, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with deepspeeds_names():
        torch.save(content, file)


def shapes(group: Mapping[str, Tensor]) -> OrderedDict[str, torch.Size]:
    return OrderedDict((key, tensor.shape) for key, tensor in group.items())


def model_states(
    module: Mapping[str, Tensor],
    groups: Sequence[Mapping[str, Tensor]],
    frozen: Mapping[str, Tensor] | None = None,
    **more: object,
) -> dict[str, object]:
    frozen = frozen or {}
    return {
        "module": OrderedDict(module),
        "buffer_names": [],
        "optimizer": None,
        "param_shapes": [shapes(group) for group in groups],
        "frozen_param_shapes": shapes(frozen),
        "shared_params": {},
        "frozen_param_fragments": OrderedDict(frozen),
        "lr_scheduler": None,
        "skipped_steps": 0,
        "global_steps": 5,
        "dp_world_size": 2,
        "mp_world_size": 1,
        "ds_config": {"zero_optimization": {"stage": 2}, "bf16": {"enabled": True}},
        "ds_version": "0.9.5",
        **more,
    }


def save_zero_2(
    folder: Path,
    groups: Sequence[Mapping[str, Tensor]],
    states: Mapping[str, object],
    ranks: int = 2,
    paddings: Sequence[Sequence[int]] | None = None,
    counts: Sequence[int] | None = None,
) -> None:
    """A step of stage 2: every group one vector, aligned, cut into a partition for each rank.

    counts: over how many ranks each group is said to be spread; over all without.
    """
    save(states, folder / "mp_rank_00_model_states.pt")
    partitions: list[list[Tensor]] = [[] for _ in range(ranks)]
    for place, group in enumerate(groups):
        after = paddings[place] if paddings else [0] * len(group)
        pieces = [
            torch.cat([tensor.reshape(-1).float(), torch.full((pad,), float("nan"))])
            for tensor, pad in zip(group.values(), after, strict=True)
        ]
        flat = torch.cat(pieces)
        step = 2 * ranks
        padding = -len(flat) % step
        flat = torch.cat([flat, torch.full((padding,), float("nan"))])
        for rank, part in enumerate(flat.chunk(ranks)):
            lean = part[: len(part) - padding] if rank == ranks - 1 else part
            partitions[rank].append(lean.clone())
    for rank in range(ranks):
        optimizer: dict[str, object] = {
            "loss_scaler": DynamicLossScaler(),
            "dynamic_loss_scale": True,
            "overflow": False,
            "clip_grad": 1.0,
            "base_optimizer_state": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []},
            "single_partition_of_fp32_groups": partitions[rank],
            "zero_stage": ZeroStageEnum.gradients,
            "group_paddings": [0] * len(groups),
            "partition_count": list(counts or [ranks] * len(groups)),
            "ds_version": "0.9.5",
            "param_slice_mappings": [OrderedDict(x=fragment_address(3, 4))],
        }
        if paddings is not None:
            optimizer["param_alignment_paddings"] = [list(own) for own in paddings]
        file = folder / f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"
        save({"optimizer_state_dict": optimizer, "ds_config": {}, "ds_version": "0.9.5"}, file)


def save_zero_3(
    folder: Path,
    groups: Sequence[Mapping[str, Tensor]],
    frozen: Mapping[str, Tensor],
    ranks: int = 3,
    cut: int = 1000,
) -> None:
    """A step of stage 3: every parameter in equal pieces, the last one filled up.

    cut: a rank's elements are divided into flat groups at that place.
    """
    for rank in range(ranks):
        pieces = [_piece(tensor, rank, ranks) for group in groups for tensor in group.values()]
        flat = torch.cat(pieces)
        own = {key: _piece(tensor, rank, ranks) for key, tensor in frozen.items()}
        states = model_states({}, groups) | {
            "frozen_param_shapes": shapes(frozen),
            "frozen_param_fragments": OrderedDict(own),
        }
        save(states, folder / f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt")
        optimizer = {
            "zero_stage": ZeroStageEnum.weights,
            "loss_scaler": DynamicLossScaler(),
            "partition_count": ranks,
            "optimizer_state_dict": {"state": {}, "param_groups": []},
            "fp32_flat_groups": [flat[:cut].clone(), flat[cut:].clone()],
        }
        file = folder / f"zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"
        save({"optimizer_state_dict": optimizer}, file)


def _piece(tensor: Tensor, rank: int, ranks: int) -> Tensor:
    size = math.ceil(tensor.numel() / ranks)
    flat = torch.full((size * ranks,), float("nan"))
    flat[: tensor.numel()] = tensor.reshape(-1).float()
    return flat[rank * size : (rank + 1) * size].clone()


def save_experts(folder: Path, experts: Mapping[str, Tensor], layers: Sequence[int]) -> None:
    """A file for each expert of each MoE layer; they are numbered by the order of MoE layers."""
    files: dict[tuple[int, str], dict[str, Tensor]] = {}
    for key, tensor in experts.items():
        layer, expert = int(key.split(".")[2]), key.split(EXPERT)[1].split(".")[0]
        files.setdefault((layers.index(layer), expert), {})[key] = tensor
    for (place, expert), content in files.items():
        save(content, folder / f"layer_{place}_expert_{expert}_mp_rank_00_model_states.pt")
