"""A LoRA adapter or a projector and its base model, written as the one checkpoint they are."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from lvlm_eval.errors import UsageError

from ..build import build_empty
from ..checkpoint import Checkpoint
from ..convert import KeyTable, network_table
from ..fields import read_json
from ..lora import Merged
from ..stored import Stored
from ..tokenizer import read_tokenizer
from .folder import appearing, check_room, write_json
from .job import Job, with_dtype
from .shards import Output, only_dtype, write_shards
from .tokenizer_files import copy_tokenizer

_ROUTER = "router.weight"


def convert_with_base(opened: Checkpoint, job: Job) -> Path:
    """Writes the folder with what its base holds, in the original's layout; returns the target.

    LoRA is merged in fp32 and rounded once; routers keep their dtype. Embedding and head have the
    tokenizer's rows, as in memory. CheckpointError, UsageError.
    """
    if job.to != "original" or opened.config.layout != "original":
        raise UsageError(
            f"{opened.folder}: is merged with its base in the original layout; --to original, "
            "then convert that folder"
        )
    rows = read_tokenizer(opened.language_folder).size
    network = build_empty(opened.network_config(rows))
    table = network_table(opened.config.family, opened.config.projector_kind)
    with appearing(job.target) as folder:
        outputs = _outputs(opened.plan(network), table, job)
        check_room(outputs, folder)
        written = job.dtype or only_dtype(outputs)
        fields = with_dtype(read_json(opened.folder / "config.json"), written)
        write_json(folder / "config.json", {**fields.values, "vocab_size": rows})
        copy_tokenizer(opened.language_folder, folder)
        if (opened.folder / "towers").is_dir():
            shutil.copytree(opened.folder / "towers", folder / "towers")
        write_shards(outputs, folder, job.max_bytes)
    return job.target


def _outputs(planned: Mapping[str, Stored | Merged], table: KeyTable, job: Job) -> list[Output]:
    """Decoder and projector under their keys, what is fused there joined again."""
    # the tower has a folder of its own
    language = {name: part for name, part in planned.items() if not name.startswith("vision.")}
    whole: dict[str, list[Stored | Merged]] = defaultdict(list)
    routers = set()
    keys = {name: _own_key(name, part, table) for name, part in language.items()}
    for name in sorted(language, key=keys.__getitem__):
        key = re.sub(r"/\d", "", keys[name])
        whole[key].append(language[name])
        routers |= {key} if name.endswith(_ROUTER) else set()
    return [
        _joined(key, parts, None if key in routers else job.dtype) for key, parts in whole.items()
    ]


def _joined(key: str, parts: Sequence[Stored | Merged], dtype: torch.dtype | None) -> Output:
    """One tensor of parts that lie one after the other; in their own dtype for None."""
    stored = [part.weight if isinstance(part, Merged) else part for part in parts]
    first = stored[0]
    shape = (sum(one.shape[0] for one in stored), *first.shape[1:])
    return Output(key, dtype or first.dtype, shape, tuple(parts))


def _own_key(name: str, part: Stored | Merged, table: KeyTable) -> str:
    """The key of a parameter; a projector keeps that which it has, MoE-LLaVA's or LLaVA-1.5's."""
    if isinstance(part, Stored) and name.startswith("projector."):
        return part.key
    return table.theirs(name)
