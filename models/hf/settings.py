"""How a model of transformers is run, as its options say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch

from lvlm_eval.devices import choose_device
from lvlm_eval.errors import UsageError

Reuse = Literal["auto", "on", "off"]
Attention = Literal["sdpa", "eager", "flash_attention_2", "flex_attention"]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is run; all but `batch` and `reuse` may change an answer."""

    device: str
    dtype: str
    batch: int
    reuse: Reuse
    attention: Attention


def choose_settings(device: str, dtype: str, batch: int, reuse: str, attention: str) -> Settings:
    """The settings, device and dtype decided; UsageError for what does not exist."""
    device, dtype = choose_device(device, dtype, gpu=torch.cuda.is_available())
    if batch < 1:
        raise UsageError(f"batch must be at least 1, got {batch}")
    for name, value, kinds in (("reuse", reuse, Reuse), ("attention", attention, Attention)):
        if value not in get_args(kinds):
            raise UsageError(f"unknown {name} {value!r}; there are {', '.join(get_args(kinds))}")
    return Settings(device, dtype, batch, cast("Reuse", reuse), cast("Attention", attention))
