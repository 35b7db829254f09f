"""`lvlm-eval export`: a run as one file."""

from __future__ import annotations

from pathlib import Path

import typer

from lvlm_eval.bundle import pack
from lvlm_eval.commands.output import show_json
from lvlm_eval.errors import UsageError
from lvlm_eval.store import find_run


def export(run: str, results: Path, output: Path, *, text: bool, as_json: bool) -> None:
    """Write the bundle and print its size and digest."""
    store = find_run(run, results)
    if not store.tasks():
        raise UsageError(f"{store.folder} has no answers yet, so there is nothing to export")
    digest = pack(store.folder, output, text=text)
    size = output.stat().st_size
    if as_json:
        show_json({"file": str(output), "bytes": size, "sha256": digest, "text": text})
        return
    typer.echo(f"{output}: {size:,} bytes, sha256 {digest}")
