"""Data inside a page: JSON, deflated, as base64, so that no text in it can be markup."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lvlm_eval.schema import JSON


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the page: its id, and base64 of deflated JSON."""

    name: str
    text: str


def block(name: str, value: JSON) -> Block:
    packed = zlib.compress(
        json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
            "utf-8", "surrogatepass"
        ),
        6,
    )
    return Block(name, base64.b64encode(packed).decode("ascii"))


def blocks(name: str, values: Sequence[JSON], size: int) -> Iterator[Block]:
    """The values in blocks of so many, each read when it is wanted."""
    for number, start in enumerate(range(0, len(values), size)):
        yield block(f"{name}-{number}", values[start : start + size])
