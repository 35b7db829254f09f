"""The arguments of `lvlm-eval doctor ...`; each command imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lvlm_eval.commands.options import (
    AsJson,
    Data,
    Device,
    Dtype,
    Limit,
    NewTokens,
    Plugins,
    Tasks,
    cache_folder,
)

doctor = typer.Typer(no_args_is_help=True, help="Checks of models and machine, for developers.")
TheModel = Annotated[str, typer.Argument(help="MODEL")]


@doctor.callback()
def _doctor() -> None:
    """Checks of models and machine, for developers."""


@doctor.command()
def parity(
    golden: Annotated[Path, typer.Option(help="A fixture folder, or a parent of some.")],
    model: Annotated[str | None, typer.Argument(help="The fixture's own folder without.")] = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Compare our MoE-LLaVA with recorded tensors of the original."""
    from lvlm_eval.commands import parity as command

    command.parity(golden, model, device, as_json=as_json)


@doctor.command()
def batch(
    model: TheModel,
    tasks: Tasks = "all",
    data: Data = "demo",
    limit: Limit = None,
    batches: Annotated[str, typer.Option(help="Sequences at a time.")] = "1,2,8,32",
    budgets: Annotated[str, typer.Option(help="Tokens at a time.")] = "1000,8000",
    orders: Annotated[int, typer.Option(help="How many seeded orders.")] = 2,
    max_new_tokens: NewTokens = None,
    dtype: Dtype = None,
    device: Device = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Do answers depend on batch size, order, budget or shared prefixes? Exit 1 if so."""
    from lvlm_eval.commands import doctor as command

    arguments = command.DoctorArguments(
        model=model,
        tasks=tasks,
        data=data,
        cache=cache_folder(),
        limit=limit,
        max_new_tokens=max_new_tokens,
        options=_given(dtype=dtype, device=device),
        plugins=tuple(plugin or ()),
    )
    command.batch(arguments, command.axes(batches, budgets, orders), as_json=as_json)


@doctor.command()
def determinism(
    model: TheModel,
    tasks: Tasks = "all",
    data: Data = "demo",
    limit: Limit = None,
    repeats: Annotated[int, typer.Option(help="How often all is asked.")] = 5,
    max_new_tokens: NewTokens = None,
    dtype: Dtype = None,
    device: Device = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Does the same give the same again? Exit 1 if not."""
    from lvlm_eval.commands import doctor as command

    arguments = command.DoctorArguments(
        model=model,
        tasks=tasks,
        data=data,
        cache=cache_folder(),
        limit=limit,
        max_new_tokens=max_new_tokens,
        options=_given(dtype=dtype, device=device),
        plugins=tuple(plugin or ()),
    )
    command.determinism(arguments, repeats, as_json=as_json)


def _given(**options: str | None) -> dict[str, str]:
    return {key: value for key, value in options.items() if value is not None}
