"""How a checkpoint is run, with every choice made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, get_args

import torch

from lvlm_eval.devices import choose_device
from lvlm_eval.errors import UsageError

from .engine.engine import EngineRouting
from .parallel.measured import Measured
from .quant import Quant

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
PLACES = {"cpu": 64, "cuda": 512}  # sequences at once by the device's type; 64 for others


@dataclass(frozen=True, slots=True)
class Settings:
    """How a checkpoint is run; all but batch, batch_tokens, reuse and the last two may change an
    answer.

    batch, batch_tokens: sequences and cached positions at once. reuse: of what prompts share.
    routing_seed: of the second experts under routing "sampled". conversation: a template's name,
    "" for the checkpoint's own. counts: whether what each expert serves is counted. measured:
    loads by which experts are placed; None: in turn.
    """

    device: str
    dtype: str
    routing: EngineRouting
    batch: int
    routing_seed: int = 0
    conversation: str = ""
    quant: Quant = "none"
    deterministic: bool = False
    batch_tokens: int = 0
    reuse: bool = True
    counts: bool = False
    measured: Measured | None = None


def choose_settings(
    device: str, dtype: str, routing: str, batch: int, routing_seed: int = 0
) -> Settings:
    """The settings with every "auto" decided; UsageError for what does not exist.

    Under capacity routing tokens that share a forward compete, so questions are then asked one
    at a time.
    """
    device, dtype = choose_device(device, dtype, gpu=torch.cuda.is_available())
    if routing not in get_args(EngineRouting):
        kinds = ", ".join(get_args(EngineRouting))
        raise UsageError(f"unknown routing {routing!r}; there are {kinds}")
    if routing_seed and routing != "sampled":
        raise UsageError(f"routing_seed={routing_seed} is read by routing=sampled alone; add that")
    if batch < 0:
        raise UsageError(f"batch must be at least 1, or 0 for the device's own, got {batch}")
    batch = 1 if routing == "capacity" else batch or PLACES[torch.device(device).type]
    return Settings(device, dtype, cast("EngineRouting", routing), batch, routing_seed)
