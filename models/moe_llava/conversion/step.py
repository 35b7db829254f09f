"""A step of DeepSpeed's own checkpoints written as a checkpoint in the original's layout."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.errors import CheckpointError, UsageError

from ..build import build_empty
from ..config import NetworkConfig
from ..config_file import CheckpointConfig, read_config
from ..convert import KeyTable, network_table
from ..expert_layout import check_experts
from ..fields import read_json
from ..stored import stored_tensors
from ..weights import by_our_names, check_complete, plan, weight_files
from .deepspeed import open_step, step_outputs
from .folder import appearing, check_room, write_json
from .job import Job, with_dtype
from .shards import Output, only_dtype, write_shards
from .tokenizer_files import copy_tokenizer

_ROUTER = "router.weight"


def convert_step(step: Path, job: Job) -> Path:
    """Writes the weights of `global_step*` with the settings from the folders above it.

    Routers keep their dtype whatever is asked for. CheckpointError, UsageError: files that are
    missing, refused or contradict each other, an unknown key, a target that exists.
    """
    if job.to != "original":
        raise UsageError(
            f"{step}: DeepSpeed's files become the original layout first; --to original, then "
            "convert that folder"
        )
    settings = _above(step, "config.json")
    fields = read_json(settings / "config.json")
    config = read_config(fields)
    table = network_table(config.family, config.projector_kind)
    with appearing(job.target) as folder:
        outputs = _known(step, step_outputs(open_step(step)), table, job)
        check_room(outputs, folder)
        written = job.dtype or only_dtype(outputs)
        write_json(folder / "config.json", dict(with_dtype(fields, written).values))
        copy_tokenizer(_above(step, "tokenizer_config.json"), folder)
        if (settings / "towers").is_dir():
            shutil.copytree(settings / "towers", folder / "towers")
        files = write_shards(outputs, folder, job.max_bytes)
        _check(folder, files, config, table)
    return job.target


def _above(step: Path, name: str) -> Path:
    """The nearest folder above the step that holds the file: checkpoint-N, or the run's own."""
    places = (step.absolute().parent, step.absolute().parent.parent)
    found = next((place for place in places if (place / name).is_file()), None)
    if found is None:
        raise CheckpointError(
            f"{places[0]}: no {name} beside {step.name}, nor one folder above; the step's own "
            "files hold weights alone: put the model's settings and tokenizer there"
        )
    return found


def _known(step: Path, outputs: Sequence[Output], table: KeyTable, job: Job) -> list[Output]:
    """The tensors that the architecture has, in the dtype asked for; a copy of the tower is not
    one of them."""
    named = [(table.ours(table.parts(output.key)[0], step), output) for output in outputs]
    return [
        output if name.endswith(_ROUTER) else replace(output, dtype=job.dtype or output.dtype)
        for name, output in named
        if name is not None
    ]


def _check(folder: Path, files: Sequence[Path], config: CheckpointConfig, table: KeyTable) -> None:
    """That what was written is all that config.json asks for, in its shapes; reads headers only."""
    named = by_our_names(stored_tensors(weight_files(folder)), table)
    check_experts(config.moe, named, str(folder))
    decoder = {name: stored for name, stored in named.items() if name.startswith("decoder.")}
    rows = decoder["decoder.embedding.weight"].shape[0] if decoder else config.decoder.vocab_size
    network = build_empty(NetworkConfig(replace(config.decoder, vocab_size=rows), moe=config.moe))
    check_complete(network, plan(network, decoder), files, table)
    if config.inputs.tower and len(named) == len(decoder) and config.projector_kind != "identity":
        raise CheckpointError(
            f"{folder}: the step holds no projector, but config.json names a tower"
        )
