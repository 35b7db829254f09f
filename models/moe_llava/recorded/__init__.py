"""Our network against recorded outputs of the original, value by value."""

from __future__ import annotations

from pathlib import Path

import torch

from lvlm_eval.errors import CheckpointError

from .bench import Bench, set_up
from .fixture import Value, find_fixtures, read_fixture
from .forward import drop_free, pictures, prompt, variants
from .generation import answers, batch, drop_free_answers
from .pixels import compare_pixels
from .report import FixtureResult, compare, failed
from .words import words


def compare_all(golden: Path, model: str | None, device: str) -> dict[str, FixtureResult]:
    """The result of every fixture at or below the folder, by its name.

    model: a checkpoint folder to test in place of each fixture's own. device: where ours computes.
    """
    return {
        folder.name: _compare(folder, model, device) for folder in find_fixtures(golden.resolve())
    }


def _compare(folder: Path, model: str | None, device: str) -> FixtureResult:
    if not (folder / "golden.json").is_file():
        return compare_pixels(folder)
    fixture = read_fixture(folder)
    try:
        bench = set_up(fixture, Path(model) if model else folder, device=device)
    except CheckpointError as error:
        return failed(f"{type(error).__name__}: {error}")
    gpu = bench.network.device.type == "cuda"
    return compare(fixture, compute(bench), repeated(bench), gpu=gpu)


@torch.inference_mode()
def compute(bench: Bench) -> dict[str, Value]:
    """All that our code has to say about the fixture, by the recordings' names and its own."""
    values = words(bench) | pictures(bench) | prompt(bench) | variants(bench) | answers(bench)
    values |= batch(bench, "left") | batch(bench, "right")
    if not bench.fixture.drops:
        values |= drop_free(bench) | drop_free_answers(bench)
    return values


def repeated(bench: Bench) -> dict[str, str]:
    """Our names for another way to a recorded value, to that value's name."""
    if bench.fixture.drops:
        return {}
    layers = bench.network.decoder.moe_layers()
    kinds = ("gate_logits", "expert_idx", "combine_weights")
    names = ["logits", "generated_ids", *(f"{kind}.{n}" for kind in kinds for n in layers)]
    repeated = {f"drop_free.{name}": name for name in names}
    # the one recording of a batch whose positions are right while it decodes
    return repeated | {"batched.generated_ids": "batch_left.generated_ids_nocache"}
