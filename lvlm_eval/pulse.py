"""Who lives among the processes of a launch: each gives a sign every second.

Who gives none is dead: at once where its process can be looked for on this machine, else after a
minute. A process whose partners are gone cannot compute any more and is ended, even inside a
collective that waits for them.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import psutil

from lvlm_eval.errors import Incomplete

_log = logging.getLogger(__name__)
BEAT = 1.0  # seconds between signs
SILENCE = 5.0  # without a sign, after which a process of this machine is looked for
PATIENCE = 60.0  # without a sign, after which any process is dead
MEET = 300.0  # until the first sign
GRACE = 10.0  # in which a process whose partner is gone may end by itself


class Store(Protocol):
    """Texts by key that all processes share, as `launcher.Store` has them."""

    def put(self, key: str, text: str) -> None: ...
    def get(self, key: str) -> str | None: ...
    def add(self, key: str, amount: int = 1) -> int: ...
    def again(self) -> Store: ...


@dataclass(frozen=True, slots=True)
class Sign:
    """What a process says of itself.

    done: questions it has answered. why, code: of its failure, before it ends. ended: the last.
    """

    host: str
    process: int
    beat: int = 0
    done: int = 0
    why: str = ""
    code: int = 0
    ended: bool = False


class Pulse:
    """Gives this process's sign and takes those of the ranks it watches, in a thread.

    lost: why the store, and so the launch, is gone; "" while it is there.
    """

    def __init__(self, rank: int, store: Store) -> None:
        self.lost = ""
        self._rank, self._store = rank, store
        self._sign = Sign(platform.node(), os.getpid())
        self._signs: dict[int, Sign | None] = {}
        self._heard: dict[int, float] = {}  # when each sign last changed
        self._partners: tuple[int, ...] = ()
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def start(self) -> None:
        self._give()
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; what was said last stays."""
        self._over.set()
        self._thread.join()

    def watch(self, ranks: Iterable[int], partners: Iterable[int] = ()) -> None:
        """Takes these ranks' signs too, from now on. partners: none can compute without them."""
        now = time.monotonic()
        with self._lock:
            self._partners = (*self._partners, *partners)
            for rank in (*ranks, *self._partners):
                if rank != self._rank and rank not in self._signs:
                    self._signs[rank], self._heard[rank] = None, now + MEET - PATIENCE

    def say(self, **changes: object) -> None:
        """Changes the sign; others hear it at once."""
        self.note(**changes)
        self._give()

    def note(self, **changes: object) -> None:
        """Changes the sign; others hear it with the next beat."""
        with self._lock:
            self._sign = replace(self._sign, **changes)  # type: ignore[arg-type]

    def signs(self) -> dict[int, Sign]:
        """The last signs of all watched ranks that gave one, and the own."""
        with self._lock:
            given = {rank: sign for rank, sign in self._signs.items() if sign}
            return given | {self._rank: self._sign}

    def gone(self, rank: int) -> str:
        """Why a watched process can do no more; "" while it can, or if it has ended well."""
        sign = self.signs().get(rank)
        if sign and sign.code:
            return f"rank {rank} on {sign.host} failed: {sign.why}"
        return self.silent(rank)

    def silent(self, rank: int) -> str:
        """Why a watched process is taken for dead; "" if it lives or has said that it ends."""
        sign = self.signs().get(rank)
        if rank == self._rank or (sign and sign.ended):
            return ""
        seconds = time.monotonic() - self._heard[rank]
        if sign and seconds > SILENCE and sign.host == platform.node() and not lives(sign.process):
            return f"rank {rank} on {sign.host} has died"
        if seconds <= PATIENCE:
            return ""
        if sign is None:
            return f"rank {rank} has not come within {MEET:.0f} s"
        return f"rank {rank} on {sign.host} has given no sign for {PATIENCE:.0f} s"

    def _give(self) -> None:
        with self._lock:
            self._sign = replace(self._sign, beat=self._sign.beat + 1)
            self._store.put(f"sign/{self._rank}", json.dumps(asdict(self._sign)))

    def _take(self) -> None:
        for rank in list(self._signs):
            text = self._store.get(f"sign/{rank}")
            sign = Sign(**json.loads(text)) if text else None
            with self._lock:
                if sign != self._signs[rank]:
                    self._signs[rank], self._heard[rank] = sign, time.monotonic()

    def _beat(self) -> None:
        lonely = 0.0  # seconds since a partner, or the store, is gone
        while not self._over.wait(BEAT):
            try:
                self._give()
                self._take()
            except Incomplete as error:
                self.lost = str(error)
            why = self.lost or next(filter(None, map(self.gone, self._partners)), "")
            lonely = lonely + BEAT if why else 0.0
            if lonely > GRACE:
                _end(why)


def lives(process: int) -> bool:
    """Whether a process of this machine is there and no zombie."""
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _end(why: str) -> None:
    """The only way out of a computation that waits for somebody who is gone."""
    _log.error("Incomplete: %s; what is answered is kept, the same command goes on", why)
    logging.shutdown()
    os._exit(Incomplete.exit_code)
