"""`lvlm-eval convert`: a checkpoint in one layout, written in the other."""

from __future__ import annotations

from pathlib import Path

import typer

from lvlm_eval.plugins import adapter


def convert(
    source: str,
    target: Path,
    to: str,
    *,
    dtype: str | None,
    max_shard_size: str,
    towers: str,
    base: str,
) -> None:
    """Write the folder and say where it is."""
    folder = adapter("moe_llava").convert_checkpoint(
        source,
        target,
        to=to,
        dtype=dtype or "",
        max_shard_size=max_shard_size,
        towers=towers,
        base=base,
    )
    typer.echo(f"{folder}")
