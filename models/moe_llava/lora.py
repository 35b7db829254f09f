"""A LoRA adapter as peft saves it, merged into the weights while they are read.

Hu et al. 2021 (arXiv 2106.09685): W + scale * B A, the scale alpha / r, or alpha / sqrt(r) where
the adapter says rank-stabilised. The sum is in fp32 and rounded once. What peft can do besides
(DoRA, biases, whole modules, ranks by pattern, several adapters) is refused by name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lvlm_eval.errors import CheckpointError

from .convert import KeyTable
from .fields import Fields, read_json
from .reading import read_tensor
from .stored import Stored, stored_tensors

ADAPTER_CONFIG = "adapter_config.json"
_FILES = ("adapter_model.safetensors", "adapter_model.bin")
_KEY = re.compile(r"base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight")
# Fields of adapter_config.json that change what is computed, where they are set. peft itself
# ignores fan_in_fan_out for linear layers, and there are no others here.
_REFUSED = (
    *("use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "layer_replication"),
    *("target_parameters", "trainable_token_indices", "lora_bias", "use_qalora", "megatron_config"),
    *("alora_invocation_tokens", "corda_config", "loftq_config", "arrow_config"),
)
_STARTS = (None, True, False, "gaussian", "orthogonal", "eva")  # others change the base's weights


@dataclass(frozen=True, slots=True)
class Delta:
    """What is added to one weight: scale * b @ a. a: (rank, in), b: (out, rank)."""

    a: Stored
    b: Stored
    scale: float


@dataclass(frozen=True, slots=True)
class Merged:
    """A weight with what is added to it."""

    weight: Stored
    delta: Delta

    @property
    def elements(self) -> int:
        return self.weight.elements


def adapter_file(folder: Path) -> Path:
    """The file with the adapter's matrices; CheckpointError where there is none."""
    found = [folder / name for name in _FILES if (folder / name).is_file()]
    if not found:
        raise CheckpointError(f"{folder}: has {ADAPTER_CONFIG} but none of {', '.join(_FILES)}")
    return found[0]


def read_deltas(folder: Path, table: KeyTable) -> dict[str, Delta]:
    """Our names of the adapted weights to what is added to each; reads no matrix."""
    rank, scale = _rank_and_scale(read_json(folder / ADAPTER_CONFIG))
    file = adapter_file(folder)
    pairs: dict[str, dict[str, Stored]] = defaultdict(dict)
    for stored in stored_tensors([file]):
        found = _KEY.fullmatch(stored.key)
        if found is None:
            raise CheckpointError(f"{file}: {stored.key!r} is no LoRA matrix of a linear layer")
        pairs[found[1]][found[2]] = stored
    deltas: dict[str, Delta] = {}
    for path, pair in pairs.items():
        if pair.keys() != {"A", "B"}:
            raise CheckpointError(f"{file}: {path} has only one of its two LoRA matrices")
        if pair["A"].shape[:1] != (rank,) or pair["B"].shape[1:] != (rank,):
            raise CheckpointError(f"{file}: the LoRA matrices of {path} are not of rank {rank}")
        deltas |= _by_name(Delta(pair["A"], pair["B"], scale), f"{path}.weight", table)
    return deltas


def _rank_and_scale(config: Fields) -> tuple[int, float]:
    kind = config.text("peft_type", "LORA")
    if kind != "LORA":
        raise CheckpointError(f"{config.origin}: peft_type {kind!r} is not read; LORA is")
    refused = [name for name in _REFUSED if config.values.get(name)]
    if config.text("bias", "none") != "none":
        refused.append("bias")
    if config.values.get("init_lora_weights") not in _STARTS:
        refused.append("init_lora_weights")
    if refused:
        value = config.values[refused[0]]
        raise CheckpointError(
            f"{config.origin}: {refused[0]} is {value!r}, which is not read; merge the adapter "
            "with peft and give the merged model"
        )
    rank, alpha = config.integer("r"), config.number("lora_alpha")
    if rank < 1:
        raise CheckpointError(f"{config.origin}: 'r', the rank, must be at least 1, got {rank}")
    return rank, alpha / (rank**0.5 if config.flag("use_rslora") else rank)


def _by_name(delta: Delta, key: str, table: KeyTable) -> dict[str, Delta]:
    """One delta, or the parts of that of a fused weight, by our names."""
    keys = table.parts(key)
    rows = delta.b.shape[0] // len(keys)
    deltas = {}
    for part, one in enumerate(keys):
        name = table.ours(one, delta.a.file)
        if name is None:
            raise CheckpointError(
                f"{delta.a.file}: adapts {key!r}, which is no part of what runs here"
            )
        b = delta.b.rows(part * rows, (part + 1) * rows)
        deltas[name] = Delta(delta.a, b, delta.scale)
    return deltas


def merge(planned: Mapping[str, Stored], deltas: Mapping[str, Delta]) -> dict[str, Stored | Merged]:
    """The plan with deltas in place; CheckpointError for one that fits no weight.

    Rows of a head beyond the vocabulary are cut like the head's own.
    """
    merged: dict[str, Stored | Merged] = dict(planned)
    for name, delta in deltas.items():
        weight = planned.get(name)
        if weight is None:
            raise CheckpointError(
                f"{delta.a.file}: adapts {delta.a.key!r}; config.json has no place for it"
            )
        wanted = tuple(weight.shape)
        if len(wanted) == 2 and delta.b.shape[0] > wanted[0]:
            delta = Delta(delta.a, delta.b.rows(0, wanted[0]), delta.scale)
        if (delta.b.shape[0], *delta.a.shape[1:]) != wanted:
            raise CheckpointError(
                f"{delta.a.file}: {delta.a.key!r} and its B are for a weight of shape "
                f"{[delta.b.shape[0], *delta.a.shape[1:]]}; the base's has {list(wanted)}"
            )
        merged[name] = Merged(weight, delta)
    return merged


def read_planned(planned: Stored | Merged, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The tensor, merged where something is added to it, in the dtype on the device."""
    if isinstance(planned, Stored):
        return read_tensor(planned, dtype, device)
    delta = planned.delta
    a, b = (read_tensor(one, torch.float32, device) for one in (delta.a, delta.b))
    # not in place: in fp32 the weight may be a mapping of its file
    whole = torch.addmm(read_tensor(planned.weight, torch.float32, device), b, a, alpha=delta.scale)
    return whole.to(dtype)
