"""Which column stands where, and what papers call it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from lvlm_eval.durable import parse
from lvlm_eval.reporting.results import base_of

SPLIT_WORDS = frozenset(
    ("train", "val", "dev", "test", "testdev", "testmini", "image", "video", "20230712", "20231003")
)


@dataclass(frozen=True, slots=True)
class Column:
    """A benchmark as papers know it. hub: its public data set; judged: by a judge model."""

    title: str
    hub: str = ""
    judged: bool = False


@dataclass(frozen=True, slots=True)
class _File:
    columns: dict[str, Column]


@cache
def known_columns() -> dict[str, Column]:
    """Every benchmark of `columns.yaml`, in the papers' order."""
    content = yaml.safe_load(files(__package__).joinpath("columns.yaml").read_text("utf-8"))
    return parse(_File, {"columns": content}, "columns.yaml").columns


def benchmark_of(label: str) -> str:
    """The benchmark that a label is a split of; the task's own name where none is known."""
    name = base_of(label)
    fitting = [key for key in known_columns() if name == key or _is_split(name, key)]
    return max(fitting, key=len, default=name)


def _is_split(name: str, benchmark: str) -> bool:
    """Whether the rest of the name tells a split; `mme_realworld` is none of `mme`."""
    rest = name.removeprefix(f"{benchmark}_")
    return rest != name and set(rest.split("_")) <= SPLIT_WORDS


def column_of(label: str) -> Column:
    """What is known of the label's benchmark."""
    return known_columns().get(benchmark_of(label), Column(base_of(label)))


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """The labels as papers have their columns; those that none has by name at the end."""
    places = {name: place for place, name in enumerate(known_columns())}
    return tuple(
        sorted(set(labels), key=lambda label: (places.get(benchmark_of(label), len(places)), label))
    )
