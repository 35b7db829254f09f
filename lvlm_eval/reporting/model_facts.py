"""What a run's model is: how many parameters, how many of them work, the size of its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lvlm_eval.schema import JSON, Cell
from lvlm_eval.store import RunStore
from lvlm_eval.tables import NOTHING

# In a run's provenance under "model", as the adapter counts them: see `abilities.Sized`.
FACTS = ("parameters", "activated", "image_size")
TITLES = {"parameters": "parameters", "activated": "activated", "image_size": "image"}
NOTE = (
    "parameters and activated (by one token): all that runs, image tower and projector included; "
    "papers often leave these out. image: pixels a side"
)


@dataclass(frozen=True, slots=True)
class Beside:
    """Columns beside those of the tasks, with their notes."""

    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    notes: tuple[str, ...]


def facts_columns(runs: Mapping[str, RunStore]) -> Beside:
    """What the runs noted of their models; `–` for one that noted nothing (an API, a baseline).

    No column where no run noted it.
    """
    known = {row: facts_of(store) for row, store in runs.items()}
    columns = [name for name in FACTS if any(name in facts for facts in known.values())]
    cells = {
        (row, TITLES[name]): _cell(name, facts.get(name))
        for row, facts in known.items()
        for name in columns
    }
    titles = tuple(TITLES[name] for name in columns)
    return Beside(titles, cells, (NOTE,) if columns else ())


def facts_of(store: RunStore) -> dict[str, int]:
    """The facts of FACTS that the run's provenance has."""
    noted: JSON = store.provenance.get("model", {})
    if not isinstance(noted, Mapping):
        return {}
    return {name: value for name in FACTS if isinstance(value := noted.get(name), int)}


def _cell(name: str, value: int | None) -> Cell:
    if value is None:
        return Cell(None, text=NOTHING)
    return Cell(value, text=str(value) if name == "image_size" else short(value))


def short(count: int) -> str:
    """The count in three digits: 3.61B, 1.49M, 220K."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return str(count)
