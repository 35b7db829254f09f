"""How many tokens each expert served in a task: `routing*.npz` beside the answers.

One array (E,) of int64 for each layer with experts, named by the layer's number; a file a worker,
since each adds to its own. It tells of what was computed and is part of no result: what prompts
share counts once, and a question asked again counts again.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lvlm_eval.durable import write_bytes
from lvlm_eval.errors import StoreError, UsageError

# For each MoE layer, how many choices of tokens each of its experts served.
Loads = Mapping[int, Sequence[int]]
FILES = "routing*.npz"


def write_loads(file: Path, loads: Loads) -> None:
    """Replaces the file in one step."""
    import numpy as np

    buffer = io.BytesIO()
    arrays = {str(layer): np.array(counts, dtype=np.int64) for layer, counts in loads.items()}
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # no array is named allow_pickle
    write_bytes(file, buffer.getvalue())


def read_loads(file: Path) -> dict[int, list[int]]:
    """What a file holds, by layer; StoreError where it is damaged."""
    import numpy as np

    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as opened:
            arrays = {int(name): opened[name] for name in opened.files}
    except (ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise StoreError(f"{file}: not counts of experts, or damaged: {error}") from None
    for layer, counts in arrays.items():
        if counts.dtype != np.int64 or counts.ndim != 1 or (counts < 0).any():
            raise StoreError(f"{file}: layer {layer} holds no counts, but {counts.dtype} numbers")
    return {layer: arrays[layer].tolist() for layer in sorted(arrays)}


def summed(several: Iterable[Loads], origin: str) -> dict[int, list[int]]:
    """The counts of all together; StoreError where they are of different networks."""
    total: dict[int, list[int]] = {}
    for loads in several:
        shapes = [{layer: len(counts) for layer, counts in one.items()} for one in (total, loads)]
        if total and shapes[0] != shapes[1]:
            raise StoreError(
                f"{origin}: counts of different networks: experts by layer are {shapes[0]} in one "
                f"file and {shapes[1]} in another; take one run's"
            )
        total = {
            layer: [a + b for a, b in zip(total.get(layer, [0] * len(own)), own, strict=True)]
            for layer, own in loads.items()
        }
    return total


def loads_of(place: Path) -> dict[int, list[int]]:
    """The counts of a file, of a task's folder or of a run's with all its tasks.

    Raises UsageError where there are none.
    """
    if place.is_file():
        return read_loads(place)
    if not place.is_dir():
        raise UsageError(f"{place}: no such file or folder; give a run's folder or a routing.npz")
    found = sorted([*place.glob(FILES), *place.glob(f"*/{FILES}")])
    if not found:
        raise UsageError(
            f"{place}: no routing.npz in it: its run did not count; run it with the option "
            "routing_stats=true"
        )
    return summed(map(read_loads, found), str(place))
