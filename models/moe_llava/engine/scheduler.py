"""Who waits and who is next: a window of questions in groups that share a trunk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from lvlm_eval.batching import Symbols, apart, share

from .prompt import Alphabet, Encoded
from .sequence import Question, Shown
from .trunk import Trunk

_LONGEST = 256  # positions after a trunk up to which it is shared


@dataclass(slots=True)
class Line:
    """Questions waiting for their common trunk, and it once it is there."""

    symbols: Symbols
    waiting: deque[Encoded]
    trunk: Trunk | None = None

    @property
    def length(self) -> int:
        """The positions of the trunk."""
        return self.waiting[0].ends[len(self.symbols)]

    def suffixes(self) -> list[int]:
        """The positions that each question has to itself."""
        return [one.length - self.length for one in self.waiting]


class Waiting:
    """Lines in the order of their first question, of at most `window` questions looked at.

    More are taken from `questions` when fewer than half are left; what waits is then grouped
    anew, but for the line whose trunk is there.
    """

    def __init__(
        self, questions: Iterable[Question], alphabet: Alphabet, *, reuse: bool, window: int
    ) -> None:
        self._questions: Iterator[Question] = iter(questions)
        self._alphabet, self._reuse, self._window = alphabet, reuse, window
        self._lines: deque[Line] = deque()
        self._more = True

    def head(self) -> Line | None:
        """The line whose turn it is; None when nobody waits any more."""
        while self._lines and not self._lines[0].waiting:
            self._lines.popleft()
        if self._more and sum(len(line.waiting) for line in self._lines) <= self._window // 2:
            self._refill()
        return self._lines[0] if self._lines else None

    def pictures(self, count: int) -> list[Shown]:
        """So many pictures, one of each, of those whose turn comes next."""
        every = (p for line in self._lines for one in line.waiting for p in one.question.pictures)
        found: dict[str, Shown] = {}
        for picture in every:
            if len(found) == count:
                break
            found.setdefault(picture.key, picture)
        return list(found.values())

    def again(self, questions: Sequence[Encoded]) -> None:
        """Puts questions back in front of all others; no trunk is there any more."""
        for line in self._lines:
            line.trunk = None
        self._lines.extendleft(reversed(self._grouped(questions)))

    def _refill(self) -> None:
        count = self._window - sum(len(line.waiting) for line in self._lines)
        fresh = [self._alphabet.encode(question) for question in islice(self._questions, count)]
        self._more = len(fresh) == count
        begun = [line for line in self._lines if line.trunk is not None]
        rest = [one for line in self._lines if line.trunk is None for one in line.waiting]
        rest.sort(key=lambda one: one.arrival)  # or some would be passed by for ever
        self._lines = deque([*begun, *self._grouped([*rest, *fresh])])

    def _grouped(self, questions: Sequence[Encoded]) -> list[Line]:
        """Lines in the order of their first question; but those that show the same pictures
        follow one another, so that these need not be encoded again."""
        prompts = [one.symbols for one in questions]
        groups = share(prompts, self._alphabet.size, _LONGEST) if self._reuse else apart(prompts)
        first: dict[tuple[str, ...], int] = {}
        for place, one in enumerate(questions):
            first.setdefault(_shown(one), place)
        groups.sort(key=lambda group: (first[_shown(questions[group.members[0]])], group.members))
        return [
            Line(
                prompts[group.members[0]][: group.trunk],
                deque(questions[member] for member in group.members),
            )
            for group in groups
        ]


def _shown(one: Encoded) -> tuple[str, ...]:
    return tuple(picture.key for picture in one.question.pictures)
