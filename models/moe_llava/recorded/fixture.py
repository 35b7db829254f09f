"""Recorded outputs of the original: a folder that is a checkpoint, with golden.json beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from torch import Tensor

from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON

from ..fields import Fields, read_json

Value = Tensor | JSON

# What makes the fixture or says how it was made; nothing to compute.
MADE = ("versions", "fixture", "eos_ok")


@dataclass(frozen=True, slots=True)
class Fixture:
    """golden.json and golden.safetensors of a folder."""

    folder: Path
    facts: Fields
    tensors: Mapping[str, Tensor]

    @property
    def values(self) -> dict[str, Value]:
        """Everything to be compared, by name; what both files have, under two names."""
        recorded: dict[str, Value] = dict(self.tensors)
        for name, value in self.facts.values.items():
            recorded[f"{name} (json)" if name in self.tensors else name] = value
        inputs = [name for name in recorded if name.startswith("gumbel.noise.")]
        return {name: recorded[name] for name in recorded if name not in (*MADE, *inputs)}

    @property
    def family(self) -> str:
        """The backbone that the fixture pins."""
        made = self.facts.fields("fixture")
        return made.text("backbone", "") if made else ""

    @property
    def drops(self) -> bool:
        """Whether some token lost an expert when the prompt was recorded."""
        return any(self.facts.integers("dropped")) if "dropped" in self.facts.values else False

    def text(self, name: str) -> str:
        return self.facts.text(name)

    def noise(self) -> dict[int, Tensor]:
        """The recorded Gumbel noise (N, E) by layer; empty where none was."""
        named = {n: t for n, t in self.tensors.items() if n.startswith("gumbel.noise.")}
        return {int(name.rpartition(".")[2]): tensor for name, tensor in named.items()}


def find_fixtures(golden: Path) -> list[Path]:
    """The folder itself, or those below it, that hold a fixture; DataError if there is none."""
    marks = ("golden.json", "expected.json")
    candidates = [golden, *sorted(path for path in golden.iterdir() if path.is_dir())]
    found = [path for path in candidates if any((path / mark).is_file() for mark in marks)]
    if not found:
        raise DataError(f"{golden}: neither it nor a folder in it has {' or '.join(marks)}")
    return found


def read_fixture(folder: Path) -> Fixture:
    """The fixture; DataError where its tensors cannot be read."""
    file = folder / "golden.safetensors"
    try:
        tensors = safetensors.torch.load_file(file)
    except (OSError, safetensors.SafetensorError) as error:
        raise DataError(f"{file}: cannot be read: {error}") from None
    return Fixture(folder, read_json(folder / "golden.json"), tensors)
