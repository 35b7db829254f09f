"""MoE-LLaVA and dense LLaVA checkpoints, read as they are published.

Importing this imports no heavy library: listing models and showing help stays fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lvlm_eval.errors import UsageError

from .backbones import FAMILIES

if TYPE_CHECKING:
    from lvlm_eval.placement import Place

    from .adapter import MoELlava
    from .recorded.report import FixtureResult

DESCRIPTION = "MoE-LLaVA and LLaVA-1.5 checkpoints: a folder, or a name in the hub cache"


def recognises(config: Mapping[str, object]) -> bool:
    """Whether a config.json is one of MoE-LLaVA's or LLaVA's, by its exact model_type.

    "llava" is that of LLaVA-1.5 in transformers' own layout.
    """
    kind = config.get("model_type")
    return isinstance(kind, str) and (kind in FAMILIES or kind == "llava")


def load(
    checkpoint: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    routing: str = "argmax",
    routing_seed: int = 0,
    conversation: str = "",
    batch: int = 0,
    batch_tokens: int = 0,
    reuse: bool = True,
    towers: str = "",
    quant: str = "none",
    preprocess: str = "auto",
    select_feature: str = "auto",
    deterministic: bool = False,
    base: str = "",
    routing_stats: bool = False,
    placement: str = "in_turn",
    from_: str = "",
    parallel: Place | None = None,
) -> MoELlava:
    """The checkpoint opened as a Model; its weights are read when the first question comes.

    device: auto (a GPU if there is one), cpu, cuda, cuda:1. dtype: auto (bfloat16 on a GPU, float32
    on the CPU), float32, bfloat16, float16. routing: argmax, capacity (as DeepSpeed 0.9.5, tokens
    dropped), sampled (its noisy second expert, seeded by routing_seed and by nothing else).
    conversation: a template of chat.py; by default the backbone's. batch: questions at once, at
    most; 0: 64 on a CPU, 512 on a GPU. batch_tokens: positions whose keys and values are kept at
    once; 0: what fits into half of the free memory. reuse: whether what questions share (pictures,
    the beginning of prompts) is computed once. towers: a folder with image towers by their hub
    names. quant: none, int8, int4 (on a GPU): the decoder's linear layers in fewer bits.
    preprocess: auto (pictures are padded to squares where config.json says so), pad, square
    (never), original (as LLaVA's own script for the benchmark does). select_feature: auto
    (config.json's), patch, cls_patch (which keeps the patch that SigLIP loses with `patch`).
    deterministic: numerics that do not depend on what is computed together, slower
    (docs/determinism.md). base: the model under a folder that holds a projector or a LoRA adapter
    only. routing_stats: what each expert serves is counted, for the run's routing.npz. placement:
    of experts over --parallel's ep groups: in_turn, balanced (by the counts of the run or file
    `from`). parallel: this process among those that have the model together (docs/parallel.md).
    Raises CheckpointError, UsageError, StoreError.
    """
    from .adapter import open_model
    from .chat import known_conversation
    from .parallel.measured import choose_placement
    from .pictures import choose_image_settings
    from .quant import choose_quant
    from .settings import choose_settings

    settings = choose_settings(device, dtype, routing, batch, routing_seed)
    template = known_conversation(conversation) if conversation else ""
    chosen = choose_quant(quant, settings.device, settings.dtype)
    images = choose_image_settings(preprocess, select_feature)
    if batch_tokens < 0:
        raise UsageError(f"batch_tokens must be 0 (what fits) or more, got {batch_tokens}")
    settings = replace(settings, conversation=template, quant=chosen, deterministic=deterministic)
    settings = replace(settings, batch_tokens=batch_tokens, reuse=reuse, counts=routing_stats)
    settings = replace(settings, measured=choose_placement(placement, from_, parallel))
    return open_model(checkpoint, towers, settings, images, base, parallel)


def convert_checkpoint(
    source: str,
    target: Path,
    *,
    to: str,
    dtype: str = "",
    max_shard_size: str = "5GB",
    towers: str = "",
    base: str = "",
) -> Path:
    """A checkpoint written anew in the other layout, and its folder; streamed, whole or not at all.

    to: original (MoE-LLaVA's and LLaVA-1.5's own) or transformers. dtype: of all weights but
    routers; without it each keeps its own. base: the model under a projector or a LoRA adapter,
    which is merged into it. Raises CheckpointError, UsageError.
    """
    from .conversion.convert import convert
    from .conversion.job import choose_job

    return convert(source, towers, choose_job(target, to, dtype, max_shard_size), base)


def parity(
    golden: Path, model: str | None = None, device: str = "auto"
) -> dict[str, FixtureResult]:
    """Each fixture folder at or below `golden` compared with what our code computes.

    Without `model` a fixture's own folder is the checkpoint. device: where ours computes, in
    float32; auto is a GPU if there is one. Raises CheckpointError, DataError, UsageError.
    """
    from .recorded import compare_all

    return compare_all(golden, model, device)


def parity_text(results: Mapping[str, FixtureResult]) -> str:
    """The comparison as a table, with what is left out as a defect of the original."""
    from .recorded.report import as_text

    return as_text(results)
