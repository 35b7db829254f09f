"""Where experts live, as a user asks for it: in turn, or by the loads that a run has counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.errors import UsageError
from lvlm_eval.placement import Place
from lvlm_eval.routing import Loads, loads_of

from ..config import MoEConfig
from .experts import balanced
from .parts import Homes

_KINDS = ("in_turn", "balanced")


@dataclass(frozen=True, slots=True)
class Measured:
    """Counted loads. origin: the file or the run's folder that they are from."""

    origin: str
    loads: Loads

    def check_fits(self, moe: MoEConfig | None) -> None:
        """UsageError where they are of a network with other experts."""
        there = {layer: len(counts) for layer, counts in self.loads.items()}
        here = dict(zip(moe.layers, moe.experts, strict=True)) if moe else {}
        if there != here:
            raise UsageError(
                f"placement=balanced: {self.origin} has counts of experts by layer "
                f"{_words(there)}, and this model has {_words(here)}; give a run of this model"
            )

    def homes(self, groups: int) -> Homes:
        return balanced(self.loads, groups)


def choose_placement(placement: str, origin: str, place: Place | None) -> Measured | None:
    """The loads to place experts by; None for in turn. Raises UsageError, StoreError."""
    if placement not in _KINDS:
        raise UsageError(f"unknown placement {placement!r}; there are {', '.join(_KINDS)}")
    if placement == "in_turn":
        if origin:
            raise UsageError(f"from={origin} is read by placement=balanced alone; add that")
        return None
    if not origin:
        raise UsageError(
            "placement=balanced needs the loads of a run that counted them: add from=FOLDER, "
            "where a run with routing_stats=true is"
        )
    if place is None or place.placement.ep == 1:
        raise UsageError(
            "placement=balanced is of experts over groups of processes, and there is one group; "
            "leave it out, or add --parallel tp=2,ep=2"
        )
    return Measured(origin, loads_of(Path(origin)))


def _words(experts: dict[int, int]) -> str:
    return ", ".join(f"{layer}: {count}" for layer, count in experts.items()) or "none"
