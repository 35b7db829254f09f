"""A step of DeepSpeed's own checkpoints (`global_step*`): which files, and whose tensors count.

Trained parameters come from the optimizer's fp32 partitions, as DeepSpeed's zero_to_fp32.py takes
them; what is not among these from the 16-bit model states, experts from their own files
(`layer_L_expert_E_mp_rank_00_model_states.pt`). Without optimizer states all is 16-bit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lvlm_eval.errors import CheckpointError

from ..stored import Stored
from . import zero
from .pickles import Pickled, read_pickle
from .shards import Output

_OPTIM = re.compile(r"(?:bf16_|fp16_)?zero_pp_rank_(\d+)_mp_rank_(\d+)_optim_states\.pt")
_MODEL = re.compile(r"(?:zero_pp_rank_(\d+)_)?mp_rank_(\d+)_model_states\.pt")
_EXPERT = re.compile(r"layer_\d+_expert_\d+_mp_rank_(\d+)_model_states\.pt")
_IN_EXPERT = ".deepspeed_moe.experts.deepspeed_experts."


@dataclass(frozen=True, slots=True)
class Step:
    """A step's folder with its files, those of ranks in their order."""

    folder: Path
    models: tuple[Path, ...]
    optimizers: tuple[Path, ...]
    experts: tuple[Path, ...]


def find_step(source: Path) -> Path | None:
    """The step's folder if the source is one, or names one in its file `latest` and holds no
    weights of its own; None for any other source."""
    if any(_MODEL.fullmatch(file.name) for file in source.glob("*_model_states.pt")):
        return source
    latest = source / "latest"
    if not latest.is_file() or any(source.glob("*.safetensors")) or any(source.glob("*.bin")):
        return None
    tag = latest.read_text(encoding="utf-8").strip()
    folder = source / tag
    if Path(tag).name != tag or not folder.is_dir():
        raise CheckpointError(f"{latest}: names the step {tag!r}, which is no folder beside it")
    return folder


def open_step(folder: Path) -> Step:
    """The files of a step; CheckpointError where ranks are missing or the model is cut in parts."""
    names = sorted(file.name for file in folder.glob("*.pt"))
    found = {kind: [m for name in names if (m := kind.fullmatch(name))] for kind in _KINDS}
    cut = [m.string for matches in found.values() for m in matches if int(m[m.lastindex or 1])]
    if cut:
        raise CheckpointError(
            f"{folder / cut[0]}: the model is cut over several GPUs (tensor parallel); "
            "only mp_rank_00 is read"
        )
    models = sorted(found[_MODEL], key=lambda m: int(m[1] or 0))
    optimizers = sorted(found[_OPTIM], key=lambda m: int(m[1]))
    ranks = [int(m[1]) for m in optimizers]
    if not models or ranks != list(range(len(ranks))):
        raise CheckpointError(
            f"{folder}: files of this step are missing: model states {len(models)}, "
            f"optimizer states of the ranks {ranks}"
        )
    ordered = (models, optimizers, found[_EXPERT])
    files = (tuple(folder / m.string for m in matches) for matches in ordered)
    return Step(folder, *files)


_KINDS = (_OPTIM, _MODEL, _EXPERT)


def step_outputs(step: Step) -> list[Output]:
    """All tensors of the model, each once, in the order in which they are found."""
    model = read_pickle(step.models[0])
    optimizers = [read_pickle(file).within("optimizer_state_dict") for file in step.optimizers]
    # its optimizer for bf16 without ZeRO-2 does not say a stage; it is laid out like stage 1
    stage = optimizers[0].values.get("zero_stage", 1) if optimizers else 0
    found: dict[str, Output] = {}
    if stage == 3:
        models = [model, *map(read_pickle, step.models[1:])]
        _add(found, _stage_3(models, optimizers))
        kept = set(map(str, model.items("buffer_names")))
    else:
        _add(found, _stage_2(model, optimizers))
        _add(found, model.tensors("frozen_param_fragments"))
        kept = set(model.mapping("module"))
    shared = model.mapping("shared_params")
    module = (one for one in model.tensors("module") if one.key in kept - set(shared))
    _add(found, (one for one in module if one.key not in found))
    for file in step.experts:
        own = read_pickle(file)
        _add(found, (one for key in own.values if (one := _expert(own, key)).key not in found))
    for alias, key in shared.items():
        if alias not in found and str(key) in found:
            source = found[str(key)]
            found[alias] = Output(alias, source.dtype, source.shape, source.parts)
    return list(found.values())


def _expert(own: Pickled, key: str) -> Stored:
    return own.stored(key, own.values[key])


def _add(found: dict[str, Output], tensors: Iterator[Stored] | Iterator[Output]) -> None:
    for one in tensors:
        output = one if isinstance(one, Output) else Output(one.key, one.dtype, one.shape, (one,))
        found[output.key] = output


def _stage_2(model: Pickled, optimizers: Sequence[Pickled]) -> Iterator[Output]:
    """The parameters that the optimizer has, in fp32; none without optimizer states."""
    if not optimizers:
        return
    groups = [_shapes(model, group) for group in model.items("param_shapes")]
    for place, shapes in enumerate(groups):
        count = _partition_count(optimizers[0], place)
        if count != len(optimizers):
            if all(_IN_EXPERT in key for key in shapes):
                continue  # spread over other ranks than the rest: their own files have them
            raise CheckpointError(
                f"{optimizers[0].file.parent}: optimizer states of {count} ranks are wanted, "
                f"there are {len(optimizers)}"
            )
        partitions = [_partition(rank, place) for rank in optimizers]
        paddings = optimizers[0].items("param_alignment_paddings")
        own = [int(str(n)) for n in _listed(optimizers[0], paddings[place])] if paddings else None
        params = zero.stage_2(shapes, partitions, own, len(optimizers))
        yield from (_output(param) for param in params)


def _partition_count(optimizer: Pickled, group: int) -> int:
    value = optimizer.values.get("partition_count")
    if isinstance(value, (list, tuple)):
        value = value[group]
    return Pickled(optimizer.file, {"partition_count": value}, {}).number("partition_count")


def _partition(rank: Pickled, group: int) -> Stored:
    partitions = rank.items("single_partition_of_fp32_groups")
    if group >= len(partitions):
        raise rank.wrong("single_partition_of_fp32_groups", f"{group + 1} tensors or more", None)
    return rank.stored(f"single_partition_of_fp32_groups[{group}]", partitions[group])


def _stage_3(models: Sequence[Pickled], optimizers: Sequence[Pickled]) -> Iterator[Output]:
    count = optimizers[0].number("partition_count")
    if not count == len(optimizers) == len(models):
        raise CheckpointError(
            f"{models[0].file.parent}: files of {count} ranks are wanted, there are model states "
            f"of {len(models)} and optimizer states of {len(optimizers)}"
        )
    first = models[0]
    shapes: dict[str, tuple[int, ...]] = {}
    for group in first.items("param_shapes"):
        shapes |= _shapes(first, group)
    ranks = [list(_flat_groups(rank)) for rank in optimizers]
    yield from (_output(param) for param in zero.stage_3(shapes, ranks))
    frozen = _shapes(first, first.mapping("frozen_param_shapes"))
    for key, shape in frozen.items():
        parts = [[m.stored(key, m.mapping("frozen_param_fragments").get(key))] for m in models]
        yield from (_output(param) for param in zero.stage_3({key: shape}, parts))


def _flat_groups(rank: Pickled) -> Iterator[Stored]:
    for place, part in enumerate(rank.items("fp32_flat_groups")):
        yield rank.stored(f"fp32_flat_groups[{place}]", part)


def _output(param: zero.Param) -> Output:
    key, shape, parts = param
    return Output(key, parts[0].dtype if parts else torch.float32, shape, parts)


def _shapes(file: Pickled, group: object) -> dict[str, tuple[int, ...]]:
    if not isinstance(group, Mapping):
        raise file.wrong("param_shapes", "a list of dictionaries", group)
    return {str(key): tuple(int(size) for size in shape) for key, shape in group.items()}


def _listed(file: Pickled, value: object) -> list[object]:
    if not isinstance(value, (list, tuple)):
        raise file.wrong("param_alignment_paddings", "a list of lists", value)
    return list(value)
