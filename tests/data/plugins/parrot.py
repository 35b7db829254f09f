"""A model that answers by rule, slowly if told so, and fails where told to."""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.schema import Decoding, Request, Response

DESCRIPTION = "answers by rule, for tests"


def recognises(config: Mapping[str, object]) -> bool:
    return config.get("model_type") == "parrot"


def load(
    location: str, *, seconds: float = 0.0, fail: str = "", log: str = "", die_after: int = -1
) -> "Parrot":
    return Parrot(location, seconds, fail, log, die_after)


@dataclass(frozen=True)
class Parrot:
    """fail: questions whose id holds this text fail; log: file that gets every id asked."""

    name: str
    seconds: float
    fail: str
    log: str
    die_after: int

    def describe(self) -> dict[str, str]:
        return {"weights": "feathers", "device": "cpu"}

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        for number, request in enumerate(requests):
            if number == self.die_after:
                os.kill(os.getpid(), 9)
            time.sleep(self.seconds)
            if self.log:
                with Path(self.log).open("a") as log:
                    log.write(request.question_id + "\n")
            if self.fail and self.fail in request.question_id:
                yield Response(request.question_id, "", "error", error="ValueError: told to")
            else:
                yield Response(request.question_id, self.answer(request), "stop", 1)

    def answer(self, request: Request) -> str:
        """Decided by the question and what the picture holds, so blind answers may differ."""
        seen = [image.digest for image in request.prompt.images]
        digest = hashlib.sha256(f"{request.prompt.text}{seen}".encode()).digest()
        return ("yes", "no", "no", "perhaps")[digest[0] % 4]
