"""`lvlm-eval doctor parity`: our MoE-LLaVA against recorded tensors of the original."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from lvlm_eval.errors import DataError
from lvlm_eval.plugins import adapter


def parity(golden: Path, model: str | None, device: str | None, *, as_json: bool) -> None:
    """Compare every fixture; exit 1 if one of them does not agree."""
    if not golden.is_dir():
        raise DataError(f"--golden {golden}: no such folder; give a fixture's or a parent of some")
    results = adapter("moe_llava").parity(golden, model, device or "auto")
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    else:
        typer.echo(adapter("moe_llava").parity_text(results))
    if not all(result["ok"] for result in results.values()):
        raise typer.Exit(1)
