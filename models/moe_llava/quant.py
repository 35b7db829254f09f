"""Weight-only quantisation of the decoder, through torchao; the original has none for MoE.

What shrinks are the decoder's linear layers: attention's four projections, dense MLPs, every
expert and the residual branch. All else keeps its dtype: routers (an expert chosen otherwise is
no small error), mixers, norms, embedding and head, projector and image tower. Activations stay as
they are, too. docs/quantisation.md has the figures behind this choice.

int8: symmetric, one fp32 scale for each output channel, so any width will do.
int4: asymmetric in groups along the input, tinygemm's kernel; GPU and bfloat16 only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from lvlm_eval.errors import CheckpointError, UsageError

Quant = Literal["none", "int8", "int4"]
INT4_GROUP = 32  # input channels that share a scale and a zero point; tinygemm's finest
_BLOCK = 1 << 17  # weights rounded at a time
_NOISY = ("torchao", "torch.utils._pytree")  # their loggers warn about kernels we do not use


def choose_quant(quant: str, device: str, dtype: str) -> Quant:
    """The kind of quantisation, checked against the device's type and the dtype.

    Raises UsageError for what does not exist or does not run here, before any weight is read.
    """
    if quant not in get_args(Quant):
        raise UsageError(f"unknown quant {quant!r}; there are {', '.join(get_args(Quant))}")
    if quant == "none":
        return "none"
    if quant == "int4" and torch.device(device).type != "cuda":
        raise UsageError(
            f"quant=int4 runs on a GPU only (its kernel is a CUDA kernel), not on {device!r}; "
            "use quant=int8"
        )
    if quant == "int4" and dtype != "bfloat16":
        raise UsageError(f"quant=int4 computes in bfloat16 only, not {dtype}; add dtype=bfloat16")
    if quant == "int8" and dtype == "float16":
        raise UsageError(
            "quant=int8 does not run in float16: products are scaled after they are summed, "
            "beyond float16's range; use dtype=bfloat16 or dtype=float32"
        )
    if find_spec("torchao") is None:
        raise UsageError(
            f"quant={quant} needs torchao (the extra `quant`): pip install 'torchao>=0.18'"
        )
    return cast("Quant", quant)


def is_quantised(name: str, module: nn.Module) -> bool:
    """Whether a network's module of this dotted name is one whose weight shrinks."""
    inside = name.startswith("decoder.blocks.") and not name.endswith(".mixer")
    return inside and isinstance(module, nn.Linear)


def itemsize(quant: Quant) -> Callable[[str, nn.Module], float]:
    """A function from a network's module, by name, to the bytes that one of its weights takes.

    0 where the weight does not shrink. Scales and zero points are shared out among the weights
    (int8: 5 bytes a row, int4: 4 a group), and so is what int4's kernel pads.
    """

    def size(name: str, module: nn.Module) -> float:
        if quant == "none" or not is_quantised(name, module):
            return 0.0
        layer = cast("nn.Linear", module)
        rows, columns = layer.out_features, layer.in_features
        if quant == "int8":
            return 1 + 5 / columns
        padded = -(-rows // 8) * 8 * -(-columns // 1024) * 1024
        return padded / (rows * columns) * (0.5 + 4 / INT4_GROUP)

    return size


def quantiser(quant: Quant) -> Callable[[str, nn.Module], None]:
    """A function to be called with each module of a network, by name, once its weight is there.

    It replaces the weights that shrink, in place and on their device; others it leaves alone.
    Raises CheckpointError where int4's groups do not fit a layer.
    """
    if quant == "none":
        return lambda name, module: None
    with _quiet():
        import torchao.quantization  # noqa: F401  # once, before any weight is in memory

    def shrink(name: str, module: nn.Module) -> None:
        if not is_quantised(name, module):
            return
        layer = cast("nn.Linear", module)
        if quant == "int4":
            _to_int4(name, layer)
        else:
            layer.weight = nn.Parameter(_int8(layer.weight.detach()), requires_grad=False)

    return shrink


def weight_bytes(module: nn.Module) -> int:
    """Bytes of memory that the module's parameters occupy, scales included, shared ones once."""
    parts = (part for parameter in module.parameters() for part in _parts(parameter))
    storages = {part.untyped_storage().data_ptr(): part.untyped_storage() for part in parts}
    return sum(storage.nbytes() for storage in storages.values())


def _parts(tensor: Tensor) -> Iterator[Tensor]:
    """The plain tensors in memory that a tensor is made of."""
    if not is_traceable_wrapper_subclass(tensor):
        yield tensor
        return
    for name in tensor.__tensor_flatten__()[0]:
        yield from _parts(getattr(tensor, name))


def _int8(weight: Tensor) -> Tensor:
    """The weight (rows, columns) as torchao's Int8Tensor.

    Rounded in blocks of rows, which are independent: the same bits as at once, without fp32
    copies of the whole, and faster, for a block's copies stay in the processor's cache.
    """
    from torchao.quantization import Int8Tensor, PerRow

    rows, columns = weight.shape
    levels = torch.empty_like(weight, dtype=torch.int8)
    scales = torch.empty(rows, 1, device=weight.device)
    zeros = torch.zeros_like(scales, dtype=torch.int8)
    step = max(1, _BLOCK // columns)
    for first in range(0, rows, step):
        block = slice(first, first + step)
        part = Int8Tensor.from_hp(weight[block], PerRow())
        levels[block], scales[block] = part.qdata, part.scale
    size = [1, columns]
    whole: Tensor = Int8Tensor(levels, scales, size, weight.dtype, zero_point=zeros)
    return whole


def _to_int4(name: str, layer: nn.Linear) -> None:
    from torchao.quantization import Int4WeightOnlyConfig, quantize_
    from torchao.quantization.quantize_.workflows import Int4PackingFormat

    if layer.in_features % INT4_GROUP:  # torchao would leave the layer as it is, silently
        raise CheckpointError(
            f"quant=int4 takes {INT4_GROUP} input channels together, but {name} has "
            f"{layer.in_features}; use quant=int8"
        )
    # The default packing needs a further package; this one is a kernel of torch itself.
    packing = Int4PackingFormat.TILE_PACKED_TO_4D
    config = Int4WeightOnlyConfig(
        group_size=INT4_GROUP, int4_packing_format=packing, set_inductor_config=False
    )
    quantize_(layer, config)


@contextmanager
def _quiet() -> Iterator[None]:
    """Importing torchao warns of kernels for GPUs that are not here; errors still come through."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
