"""Devices and dtypes as people write them."""

from __future__ import annotations

import pytest

from lvlm_eval.devices import choose_device
from lvlm_eval.errors import UsageError


@pytest.mark.parametrize(
    ("device", "dtype", "gpu", "chosen"),
    [
        ("auto", "auto", False, ("cpu", "float32")),
        ("auto", "auto", True, ("cuda", "bfloat16")),
        ("cpu", "auto", True, ("cpu", "float32")),
        ("cuda:1", "auto", True, ("cuda:1", "bfloat16")),
        ("auto", "float16", True, ("cuda", "float16")),
    ],
)
def test_auto_is_the_gpu_in_bfloat16_if_there_is_one(
    device: str, dtype: str, gpu: bool, chosen: tuple[str, str]
) -> None:
    assert choose_device(device, dtype, gpu=gpu) == chosen


@pytest.mark.parametrize(
    ("device", "dtype", "message"),
    [
        ("tpu9", "auto", "unknown device 'tpu9'"),
        ("cuda:x", "auto", "unknown device 'cuda:x'"),
        ("cuda:0", "auto", "'cuda:0' was asked for, but torch sees no GPU"),
        ("cpu", "int3", "unknown dtype 'int3'; there are auto, float32"),
    ],
)
def test_what_does_not_exist_is_refused(device: str, dtype: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        choose_device(device, dtype, gpu=False)
