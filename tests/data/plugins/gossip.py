"""A model whose answers depend on who else is asked, for tests of what finds that out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from lvlm_eval.schema import Decoding, Request, Response
from lvlm_eval.tracing import Rival, Traced

DESCRIPTION = "minds its company, for tests"


def recognises(config: Mapping[str, object]) -> bool:
    return False


def load(location: str, *, batch: int = 4, shy: int = 9, reuse: str = "on") -> "Gossip":
    return Gossip(location, batch, shy, reuse)


@dataclass(frozen=True)
class Gossip:
    """Says 1 2 3, but 1 7 3 to every question whose company is `shy` or more, itself included.

    Fails alone where its name says so, and grows tired of being asked where its name says so.
    """

    name: str
    batch: int
    shy: int
    reuse: str

    def describe(self) -> dict[str, str]:
        return {"weights": "hearsay", "device": "cpu"}

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        return (traced.response for traced in self.trace(requests, decoding))

    def trace(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Traced]:
        waiting = iter(requests)
        while group := list(islice(waiting, self.batch)):
            middle = 7 if len(group) >= self.shy or self.reuse == self.name else 2
            for request in group:
                yield self._answer(request, (1, middle, 3))

    def weigh(
        self, request: Request, so_far: Sequence[int], rivals: Sequence[int]
    ) -> tuple[Rival, ...]:
        return tuple(Rival(str(token), sum(so_far) - token / 4) for token in rivals)

    def _answer(self, request: Request, ids: tuple[int, ...]) -> Traced:
        if self.name == "mute":
            return Traced(Response(request.question_id, "", "error", error="ValueError: mute"))
        text = " ".join(map(str, ids))
        return Traced(Response(request.question_id, text, "stop", len(ids)), ids)
