"""How commands print: tables that fit the terminal, JSON for machines."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping

import typer

from lvlm_eval.schema import JSON, Table

_KEPT = "\n\t"
_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in _KEPT}


def printable(text: str) -> str:
    """The text with control characters replaced, so that a model cannot steer a terminal."""
    return text.translate(_CONTROLS)


def show(table: Table) -> None:
    """Print the table, fitted to the terminal; as plain aligned text where piped."""
    from lvlm_eval.tables import render

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    typer.echo(render(table, width))


def show_json(value: Mapping[str, JSON]) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
