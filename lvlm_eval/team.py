"""The processes of one launch as one of them sees them: what they agree on, deal out and tell.

No collectives: what is shared is a key-value store, so a process that dies takes none along but
the partners of its own replica. Errors of all are told by rank 0.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType, TracebackType
from typing import NoReturn

from lvlm_eval.errors import EvalError, Incomplete, UsageError
from lvlm_eval.placement import OWN_LAUNCH, Rank
from lvlm_eval.pulse import Pulse, Store
from lvlm_eval.schema import JSON

FAREWELL = 5.0  # seconds in which all may hear that rank 0 has ended
_POLL = 0.05  # seconds


class Team:
    """A context. In it an error of a process other than rank 0 is told by rank 0, if that lives.

    The launcher's SIGTERM, by which it ends all others when one process fails, becomes Incomplete.
    """

    def __init__(self, rank: Rank, store: Store) -> None:
        self.rank = rank
        self._store = store
        self.pulse = Pulse(rank.rank, store.again())
        self._stopped = False

    def __enter__(self) -> Team:
        signal.signal(signal.SIGTERM, self._stop)
        self.pulse.watch(range(self.rank.world_size) if self.first else [0])
        self.pulse.start()
        if self.first:
            # only when it has told all: the others' end would make the launcher end this one
            atexit.register(self._over)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            if not self.first:
                self._over()
            return
        code = _code(error)
        self.pulse.note(why=f"{type(error).__name__}: {error}", code=code)
        interrupted = self._stopped or isinstance(error, KeyboardInterrupt)
        if interrupted and not (self.first and self.rank.launcher != OWN_LAUNCH):
            raise SystemExit(code) from None  # who started this launch tells it
        if self.first or not self._told():
            return
        first = self.pulse.signs().get(0)
        self._over()
        if isinstance(error, EvalError):
            raise SystemExit((first and first.code) or code) from None

    @property
    def first(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank.rank == 0

    def agree(self, about: Mapping[str, str]) -> None:
        """UsageError in all processes where what they say about themselves is not the same.

        about: "host", and in words what a process has that all must have.
        """
        self.put(f"about/{self.rank.rank}", about)
        if self.first:
            ranks = range(self.rank.world_size)
            self.put("differs", difference([self._about(rank) for rank in ranks]))
        if differs := self.hear("differs"):
            raise UsageError(str(differs))

    def put(self, key: str, value: JSON) -> None:
        """Tells all processes; each key once."""
        self._store.put(key, json.dumps(value))

    def hear(self, key: str, source: int = 0) -> JSON:
        """What the process of rank `source` puts there, waited for; Incomplete if it is gone."""
        while (text := self._store.get(key)) is None:
            if why := self.pulse.gone(source):
                raise Incomplete(why)
            time.sleep(_POLL)
        value: JSON = json.loads(text)
        return value

    def take(self) -> int:
        """The next whole number from 0 that no other process has."""
        return self._store.add("taken") - 1

    def advance(self, count: int) -> None:
        """Notes that this process has answered so many more questions."""
        self.pulse.note(done=self.pulse.signs()[self.rank.rank].done + count)

    def done(self) -> int:
        """How many questions all processes have answered, as far as rank 0 has heard."""
        return sum(sign.done for sign in self.pulse.signs().values())

    def end(self, ranks: Iterable[int], meanwhile: Callable[[], None]) -> dict[int, str]:
        """Waits until each has ended, and says why those of them did that did not end well."""
        waiting, gone = set(ranks) - {self.rank.rank}, dict[int, str]()
        while waiting:
            signs = self.pulse.signs()
            gone |= {rank: why for rank in waiting if (why := self.pulse.gone(rank))}
            waiting -= gone.keys() | {rank for rank in signs if signs[rank].ended}
            meanwhile()
            time.sleep(_POLL)
        return gone

    def _about(self, rank: int) -> Mapping[str, str]:
        about = self.hear(f"about/{rank}", rank)
        assert isinstance(about, dict)
        return about

    def _told(self) -> bool:
        """Waits until rank 0 has ended, and so told this error; False if it died before."""
        while not self.pulse.lost:
            first = self.pulse.signs().get(0)
            if first and first.ended:
                return True
            if self.pulse.silent(0):
                return False
            time.sleep(_POLL)
        return True

    def _over(self) -> None:
        """Says that this process ends. Rank 0 may hold the store: others shall hear it before,
        unless the launcher ends this process meanwhile."""
        with contextlib.suppress(Incomplete):
            self.pulse.say(ended=True)
            end = time.monotonic() + FAREWELL
            while self._awaited() and time.monotonic() < end:
                time.sleep(_POLL)
        self.pulse.stop()

    def _awaited(self) -> bool:
        """Whether there are processes that have not ended and that rank 0 gives time for it."""
        signs = self.pulse.signs()
        others = range(1, self.rank.world_size) if self.first and not self._stopped else ()
        ended = {rank for rank in others if rank in signs and signs[rank].ended}
        return any(rank not in ended and not self.pulse.silent(rank) for rank in others)

    def _stop(self, number: int, frame: FrameType | None) -> NoReturn:
        self._stopped = True
        raise Incomplete("the launcher has ended this process")


def _code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return Incomplete.exit_code
    return error.exit_code if isinstance(error, EvalError) else EvalError.exit_code


def difference(abouts: Sequence[Mapping[str, str]]) -> str:
    """In what the first process that is not like rank 0 differs from it; "" if all are alike."""
    first = abouts[0]
    for rank, about in enumerate(abouts):
        for name in first:
            if name != "host" and about[name] != first[name]:
                return (
                    f"rank {rank} on {about['host']} has {about[name]}, rank 0 on {first['host']} "
                    f"has {first[name]}: answers of both could not stand together; give all "
                    "processes the same (versions; one GPU each, or --device cpu)"
                )
    return ""
