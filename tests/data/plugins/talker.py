"""A model that streams, for tests: it says word by word what it was told, slowly if so asked."""

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass

from lvlm_eval.errors import CheckpointError
from lvlm_eval.schema import Decoding, Image, Request, Response

DESCRIPTION = "repeats what it was told, for tests"


def recognises(config: Mapping[str, object]) -> bool:
    return False


def load(location: str, *, seconds: float = 0.0, missing: str = "") -> "Talker":
    return Talker(location, seconds, missing)


@dataclass(frozen=True)
class Talker:
    """seconds: before each word. missing: what `prepare` finds missing."""

    name: str
    seconds: float
    missing: str

    def describe(self) -> dict[str, str]:
        return {"weights": "breath", "device": "cpu"}

    def prepare(self) -> None:
        if self.missing:
            raise CheckpointError(f"{self.missing}: no such file")

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        yield from (self._response(request, decoding) for request in requests)

    def stream(self, request: Request, decoding: Decoding) -> Generator[str, None, Response]:
        response = self._response(request, decoding)
        for place, word in enumerate(response.text.split(" ")):
            time.sleep(self.seconds)
            yield " " * (place > 0) + word
        return response

    def _response(self, request: Request, decoding: Decoding) -> Response:
        """All turns as the model got them: P for a picture, with its number of bytes."""
        if "fail" in request.prompt.text.rsplit("\n", maxsplit=1)[-1]:
            return Response(request.question_id, "", "error", error="ValueError: told to")
        said = []
        for turn in request.prompt.turns:
            parts = (f"P{len(p.data or b'')}" if isinstance(p, Image) else p for p in turn.parts)
            said.append(f"{turn.role[0].upper()}: {' '.join(parts)}")
        settings = f"[{request.question_id}, {decoding.temperature}, {decoding.seed}]"
        words = [request.prompt.system, *said, settings]
        text = " | ".join(word for word in words if word)
        if len(text.split()) > decoding.max_new_tokens:
            text = " ".join(text.split()[: decoding.max_new_tokens])
            return Response(request.question_id, text, "length", decoding.max_new_tokens)
        return Response(request.question_id, text, "stop", len(text.split()))
