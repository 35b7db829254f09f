"""Where a parameter's elements lie in ZeRO's flat partitions.

Facts: DeepSpeed's zero_to_fp32.py (0.9.5 and 0.19). Up to stage 2 the parameters of a group stand
one after the other in one vector, which is cut into a partition for each rank. In stage 3 every
parameter is cut by itself, into equal pieces, and a rank's pieces stand one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from lvlm_eval.errors import CheckpointError

from ..stored import Stored

Shapes = Mapping[str, tuple[int, ...]]
# A parameter's key and shape, and the stored stretches that are its elements in order.
Param = tuple[str, tuple[int, ...], tuple[Stored, ...]]


def stage_2(
    shapes: Shapes, partitions: Sequence[Stored], paddings: Sequence[int] | None, ranks: int
) -> Iterator[Param]:
    """The parameters of one group. paddings: elements left free after each; None for none.

    CheckpointError where partitions and shapes do not belong together; the end of the vector may
    be filled up to a multiple of 2 * ranks.
    """
    whole = _Vector(partitions)
    offset = 0
    for place, (key, shape) in enumerate(shapes.items()):
        count = math.prod(shape)
        yield key, shape, tuple(whole.stretch(offset, offset + count))
        offset += count + (paddings[place] if paddings else 0)
    step = 2 * ranks
    if -(-offset // step) != -(-whole.size // step):
        raise _inconsistent(partitions[0], offset, whole.size)


def stage_3(shapes: Shapes, ranks: Sequence[Sequence[Stored]]) -> Iterator[Param]:
    """The parameters of all groups; ranks: each one's flat groups in order.

    CheckpointError where partitions and shapes do not belong together.
    """
    vectors = [_Vector(groups) for groups in ranks]
    offset = 0
    for key, shape in shapes.items():
        count = math.prod(shape)
        piece = -(-count // len(vectors))
        stretches = [
            part
            for rank, vector in enumerate(vectors)
            for part in vector.stretch(offset, offset + min(piece, max(0, count - rank * piece)))
        ]
        yield key, shape, tuple(stretches)
        offset += piece
    wrong = next((vector for vector in vectors if vector.size != offset), None)
    if wrong is not None:
        raise _inconsistent(wrong.parts[0], offset, wrong.size)


class _Vector:
    """Flat stored tensors seen as one."""

    def __init__(self, parts: Sequence[Stored]) -> None:
        self.parts = parts
        self.starts = [0, *accumulate(part.elements for part in parts)]
        self.size = self.starts[-1]

    def stretch(self, start: int, stop: int) -> Iterator[Stored]:
        """The elements from start to before stop."""
        if stop > self.size:
            raise _inconsistent(self.parts[0], stop, self.size)
        for part, begin in zip(self.parts, self.starts, strict=False):
            first, last = max(start, begin), min(stop, begin + part.elements)
            if first < last:
                yield part.rows(first - begin, last - begin)


def _inconsistent(part: Stored, wanted: int, there: int) -> CheckpointError:
    return CheckpointError(
        f"{part.file}: its partitions hold {there} elements, param_shapes needs {wanted}; "
        "the files of this step are not of one checkpoint"
    )
