"""Tiny models, saved once for all tests of the adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Folders = Callable[[str], Path]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """A function from the name of a tiny model to its folder, which no test may change."""
    from . import tiny_models

    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = getattr(tiny_models, name)(tmp_path_factory.mktemp(name))
        return made[name]

    return folder
