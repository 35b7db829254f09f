"""The options of `lvlm-eval fetch` and `convert`: checkpoints brought here or laid out anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lvlm_eval.commands.options import AsJson


def fetch(
    models: Annotated[
        list[str],
        typer.Argument(help="MODEL|TASK|SUITE...: org/name, org/name@revision, or a name."),
    ],
    revision: Annotated[str, typer.Option(help="Branch, tag or commit.")] = "",
    source: Annotated[str, typer.Option("--from", help="huggingface or modelscope.")] = (
        "huggingface"
    ),
    tower: Annotated[str, typer.Option(help="The image tower's name on that hub.")] = "",
    verify: Annotated[bool, typer.Option(help="Hash also what is there already.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Say what would be fetched.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring models (checkpoint, tokenizer, tower) or data into the local hub cache."""
    from lvlm_eval.commands import fetch as command

    arguments = command.FetchArguments(tuple(models), revision, source, tower, verify, dry_run)
    command.fetch(arguments, os.environ, as_json=as_json)


def convert(
    source: Annotated[str, typer.Argument(help="A checkpoint's folder, or global_step*.")],
    target: Annotated[Path, typer.Argument(help="The folder to be made.")],
    to: Annotated[str, typer.Option("--to", help="original or transformers.")],
    dtype: Annotated[str | None, typer.Option(help="Of all weights; as stored without.")] = None,
    max_shard_size: Annotated[str, typer.Option(help="Of a weight file.")] = "5GB",
    towers: Annotated[str, typer.Option(help="A folder with towers by their hub names.")] = "",
    base: Annotated[str, typer.Option(help="The model under a LoRA or a projector.")] = "",
) -> None:
    """Write a checkpoint in another layout, tensor by tensor, bit for bit."""
    from lvlm_eval.commands import convert as command

    command.convert(
        source, target, to, dtype=dtype, max_shard_size=max_shard_size, towers=towers, base=base
    )


COMMANDS = (fetch, convert)
