"""Which models of transformers can be cut over processes, over how many, and whether one was.

transformers has a plan for each architecture that it can cut: by module, what becomes of its
matrices. Most cut the layers of the language model and leave the image tower whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import transformers
from torch.distributed.tensor import DTensor

from lvlm_eval.errors import CheckpointError, UsageError

# What a rank computes by itself of its part: along which axis the matrix is cut, and how many
# matrices lie side by side there. Pieces of other styles are put together again at once, so those
# may be uneven.
_OWN = {
    "colwise": (-2, 1),
    "packed_colwise": (-2, 2),
    "rowwise": (-1, 1),
    "packed_rowwise": (-1, 2),
}
_TOGETHER = ("colwise_gather_output", "colwise_rep", "rowwise_split_input", "rowwise_rep")
_MOST = 64  # ranks that are still named as fitting


def check_can_be_cut(model: transformers.PreTrainedModel, ranks: int) -> None:
    """CheckpointError for a model whose layers transformers has no plan to cut; UsageError for
    a number of ranks that does not divide it, with those that do. Looks at no weights."""
    if not any(_in_layers(name) for name, _ in _cut(model)):
        raise CheckpointError(
            f"transformers {transformers.__version__} has no plan to cut the layers of "
            f"{type(model).__name__} over processes, so each would hold them all; leave tp out: "
            "replicas of the whole model answer side by side (--nproc N, or dp=N)"
        )
    counts = dict(_indivisible(model))
    wrong = next((what for what, count in counts.items() if count % ranks), None)
    if wrong is not None:
        common = math.gcd(*counts.values())
        fitting = [f"tp={n}" for n in range(1, min(common, _MOST) + 1) if common % n == 0]
        raise UsageError(
            f"--parallel tp={ranks}: {type(model).__name__} has {wrong}, which {ranks} processes "
            f"cannot share evenly; what fits: {' or '.join(fitting)}"
        )


def check_was_cut(model: transformers.PreTrainedModel) -> None:
    """CheckpointError where every process holds all of the layers."""
    for name, parameter in model.named_parameters():
        if not isinstance(parameter, DTensor) or not _in_layers(name):
            continue
        if parameter.to_local().numel() < parameter.numel():
            return
    raise CheckpointError(
        f"transformers {transformers.__version__} has left {type(model).__name__} whole on every "
        "process, against its own plan; leave tp out, or install another version of transformers"
    )


def _indivisible(model: transformers.PreTrainedModel) -> Iterator[tuple[str, int]]:
    """What of the model only whole pieces can be dealt out of, and how many of these there are:
    heads where a matrix stands in an attention, else channels."""
    modules = dict(model.named_modules())
    for name, style in _cut(model):
        parameter = model.get_parameter(name)
        if style not in _OWN or parameter.ndim < 2:
            continue
        axis, matrices = _OWN[style]
        channels = parameter.shape[axis] // matrices
        owner = name.rpartition(".")[0]
        width = getattr(modules[owner.rpartition(".")[0]], "head_dim", None)
        if isinstance(width, int) and channels % width == 0:
            heads = channels // width
            yield f"{heads} head{'s' if heads > 1 else ''} in {_general(name)}", heads
        else:
            yield f"{channels} channels in {_general(name)}", channels


def _cut(model: transformers.PreTrainedModel) -> Iterator[tuple[str, str]]:
    """The parameters that are cut, and how."""
    plan = model.tp_plan or {}
    for name, _ in model.named_parameters():
        own = _general(name)
        style = plan.get(own) or plan.get(own.rpartition(".")[0])
        if style in _OWN or style in _TOGETHER:
            yield name, style


def _in_layers(name: str) -> bool:
    """Whether it belongs to one of several layers that are alike: the bulk of a model."""
    return _general(name) != name


def _general(name: str) -> str:
    """The name with * for the numbers of layers, as plans have it."""
    return re.sub(r"\.\d+(?=\.|$)", ".*", name)
