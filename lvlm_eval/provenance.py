"""Where and with what a run was started."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from lvlm_eval.schema import JSON

_VERSIONS = ("lvlm-eval", "torch", "torchao", "transformers")  # of these a run notes the version


def provenance_now() -> dict[str, JSON]:
    """Of this process; never part of what identifies it."""
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "platform": platform.platform(),
        "python": sys.version.split()[0],
        "cpus": os.cpu_count(),
        "versions": {name: _version(name) for name in _VERSIONS},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
