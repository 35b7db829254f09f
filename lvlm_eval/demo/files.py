"""Files of the demo's data: bytes and JSON, their folders made as needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from lvlm_eval.schema import JSON


def write_json(path: Path, document: Mapping[str, JSON] | Sequence[Mapping[str, JSON]]) -> None:
    write_bytes(path, (json.dumps(document, indent=1) + "\n").encode())


def write_bytes(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
