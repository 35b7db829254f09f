"""The store of a launch whose processes are threads of one test."""

from __future__ import annotations

import threading

from lvlm_eval.errors import Incomplete
from lvlm_eval.placement import Place, Placement, Rank
from lvlm_eval.team import Team


class Memory:
    """As launcher.Store. close: what the end of the process that holds the store does."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._lock = threading.Lock()
        self._closed = False

    def put(self, key: str, text: str) -> None:
        self._check()
        self.texts[key] = text

    def get(self, key: str) -> str | None:
        self._check()
        return self.texts.get(key)

    def add(self, key: str, amount: int = 1) -> int:
        self._check()
        with self._lock:
            self.texts[key] = str(int(self.texts.get(key, "0")) + amount)
            return int(self.texts[key])

    def again(self) -> Memory:
        return self

    def close(self) -> None:
        self._closed = True

    def _check(self) -> None:
        if self._closed:
            raise Incomplete("the store is gone")


def rank_of(number: int, size: int) -> Rank:
    return Rank("torchrun", number, size, number, 0, "localhost", 29_500)


def team_of(number: int, size: int, store: Memory) -> Team:
    """A team as one of its processes sees it, its pulse beating; not entered, so that it can be
    in a thread."""
    team = Team(rank_of(number, size), store)
    team.pulse.watch(range(size) if number == 0 else [0])
    team.pulse.start()
    return team


def place_of(number: int, placement: Placement) -> Place:
    return Place(placement, rank_of(number, placement.processes))
