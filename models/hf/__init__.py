"""Any image-text-to-text model that transformers has code for, asked by its own chat template.

A peer for comparison and a way to evaluate what has no adapter of its own. Importing this imports
no heavy library: listing models and showing help stays fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lvlm_eval.errors import UsageError

if TYPE_CHECKING:
    from lvlm_eval.placement import Place

    from .adapter import HFModel

DESCRIPTION = "any image-text-to-text model of transformers: a folder, or a name in the hub cache"
GENERAL = True  # an adapter made for a model knows it better and is asked before this one


def recognises(config: Mapping[str, object]) -> bool:
    """Whether a config.json is of a model for pictures and text that transformers builds."""
    architectures = config.get("architectures")
    names = architectures if isinstance(architectures, list) else []
    conditional = any(str(name).endswith("ForConditionalGeneration") for name in names)
    return conditional and isinstance(config.get("vision_config"), Mapping)


def load(
    checkpoint: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    batch: int = 8,
    reuse: str = "auto",
    attention: str = "sdpa",
    parallel: Place | None = None,
) -> HFModel:
    """The checkpoint opened as a Model; its weights are read when the first question comes.

    device: auto (a GPU if there is one), cpu, cuda, cuda:1. dtype: auto (bfloat16 on a GPU,
    float32 on the CPU), float32, bfloat16, float16. batch: questions at once. reuse: whether
    questions on the same pictures share what comes before they differ; auto where that is shown
    to change nothing, when the weights are read; on fails where it does; off. attention: sdpa,
    eager, flash_attention_2, flex_attention. parallel: this process among those that have the
    model together, cut as transformers plans it. Nothing is downloaded and no code of the
    checkpoint is run. Raises CheckpointError, UsageError.
    """
    from .adapter import HFModel
    from .opening import open_checkpoint
    from .settings import choose_settings

    settings = choose_settings(device, dtype, batch, reuse, attention)
    if parallel is not None and parallel.placement.ep > 1:
        raise UsageError(f"hf deals out no experts: leave ep={parallel.placement.ep} out")
    return HFModel(open_checkpoint(checkpoint), settings, parallel)
