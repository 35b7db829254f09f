"""Where a model computes and in which type, as options say it: what "auto" means, what there is.

No torch here: the adapter knows whether there is a GPU.
"""

from __future__ import annotations

import re

from lvlm_eval.errors import UsageError

DTYPES = ("float32", "bfloat16", "float16")
_DEVICE = re.compile(r"(cpu|cuda)(:\d+)?")


def choose_device(device: str, dtype: str, *, gpu: bool) -> tuple[str, str]:
    """Device and dtype with "auto" decided; UsageError for what does not exist.

    auto: the GPU if there is one, in bfloat16; else the CPU in float32.
    """
    if device == "auto":
        device = "cuda" if gpu else "cpu"
    if not _DEVICE.fullmatch(device):
        raise UsageError(f"unknown device {device!r}; try cpu, cuda or cuda:1")
    on_gpu = device.startswith("cuda")
    if on_gpu and not gpu:
        raise UsageError(f"device {device!r} was asked for, but torch sees no GPU here")
    if dtype == "auto":
        dtype = "bfloat16" if on_gpu else "float32"
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}; there are auto, {', '.join(DTYPES)}")
    return device, dtype
