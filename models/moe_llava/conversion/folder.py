"""A folder that appears whole or not at all, and what goes into every one."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.schema import JSON

from .shards import Output

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target, renamed to it at the end; removed after an error.

    What a killed run has left there is removed first. UsageError where the target exists.
    """
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target}: exists already; give another folder, or remove it first")
    hidden = target.absolute().parent / f".{target.absolute().name}.partial"
    if hidden.exists():
        shutil.rmtree(hidden)
    hidden.mkdir(parents=True)
    try:
        yield hidden
        hidden.rename(target)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    _log.info("wrote %s", target)


def check_room(outputs: Sequence[Output], folder: Path) -> None:
    """CheckpointError where the disk is too small, said before anything is written."""
    wanted = sum(output.nbytes for output in outputs)
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise CheckpointError(
            f"{folder.parent}: the weights take {wanted / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        )


def write_json(file: Path, values: Mapping[str, JSON]) -> None:
    file.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def tower_name(name: str, clip: bool, model: str) -> str:
    """A name under which a tower can lie in a folder's towers/: org/name, and no way out of it.

    The original tells CLIP from SigLIP by the name's beginning alone.
    """
    organisation = "openai" if clip else "google"
    parts = PurePosixPath(name).parts
    if not name:
        return f"{organisation}/{'clip' if clip else 'siglip'}-of-{model}"
    if name.startswith(("/", "~", ".")) or ".." in parts or "\\" in name:
        return f"{organisation}/{parts[-1].strip('.~') or 'tower'}"
    return name
