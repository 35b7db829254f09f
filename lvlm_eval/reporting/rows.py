"""What the runs of a table are called: the model, its mode, what tells it from namesakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from lvlm_eval.errors import UsageError
from lvlm_eval.schema import Run
from lvlm_eval.store import RunStore

MODES = ("normal", "blind", "mismatched")
SHORT_ID = 6
_LONGEST = 24  # characters of a setting's value in a name; digests are longer


def plain_name(run: Run) -> str:
    """The model's name, with its mode where that is not the normal one."""
    return run.model if run.mode == "normal" else f"{run.model} ({run.mode})"


def name_rows(stores: Iterable[RunStore]) -> list[tuple[str, RunStore]]:
    """The runs with their rows' names, each its own.

    Namesakes carry the settings in which they differ (`demo quant=int8`), and a short run id
    where that does not tell them apart. Sorted by model, mode and run id, so the order in which
    runs are given does not matter.
    """
    ordered = sorted(
        _distinct(stores), key=lambda s: (s.run.model, MODES.index(s.run.mode), s.run_id)
    )
    named: list[tuple[str, RunStore]] = []
    for model, group in groupby(ordered, key=lambda store: plain_name(store.run)):
        namesakes = list(group)
        named += zip(_told_apart(model, namesakes), namesakes, strict=True)
    return named


def _told_apart(model: str, stores: Sequence[RunStore]) -> list[str]:
    """A name for each run of the model, no two of them equal."""
    settings = [_settings(store.run) for store in stores]
    keys = sorted({key for own in settings for key in own})
    differing = [key for key in keys if len({own.get(key) for own in settings}) > 1]
    names = [
        " ".join((model, *(f"{key}={own[key]}" for key in differing if _short(own.get(key)))))
        for own in settings
    ]
    return _with_ids(_with_ids(names, stores, SHORT_ID), stores, None)


def _short(value: str | None) -> bool:
    return value is not None and len(value) <= _LONGEST


def _with_ids(names: Sequence[str], stores: Sequence[RunStore], length: int | None) -> list[str]:
    """The names; those that occur more than once with so much of their run id."""
    count = Counter(names)
    return [
        f"{name} {store.run_id[:length]}" if count[name] > 1 else name
        for name, store in zip(names, stores, strict=True)
    ]


def _settings(run: Run) -> dict[str, str]:
    """What the model was run with, and what the command changed of the tasks' decoding."""
    return {**run.settings, **{key: str(value) for key, value in run.overrides.items()}}


def _distinct(stores: Iterable[RunStore]) -> list[RunStore]:
    """The stores without repetitions; two folders with one run would share a row: UsageError."""
    by_id: dict[str, RunStore] = {}
    for store in stores:
        other = by_id.setdefault(store.run_id, store)
        if other.folder.resolve() != store.folder.resolve():
            raise UsageError(f"{other.folder} and {store.folder} hold the same run; give one")
    return list(by_id.values())
