"""A parrot over several processes: those that follow do nothing until the first releases them."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lvlm_eval.placement import Place
from lvlm_eval.schema import Decoding, Request, Response

DESCRIPTION = "answers by rule in several voices, for tests"


def recognises(config: Mapping[str, object]) -> bool:
    return config.get("model_type") == "choir"


def load(location: str, *, song: str = "", parallel: Place | None = None) -> "Choir":
    """location: a folder for what the voices note. song: the model's name, if not the folder's."""
    return Choir(Path(location), song, parallel)


@dataclass(frozen=True)
class Choir:
    folder: Path
    song: str
    place: Place | None
    sung: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def name(self) -> str:
        return self.song or self.folder.name

    def describe(self) -> dict[str, str]:
        return {"weights": f"throats for {self.song}", "device": "cpu"}

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        for request in requests:
            yes = len(request.prompt.text) + len(request.prompt.images)
            self.sung[yes % 2] += 1
            yield Response(request.question_id, ("yes", "no")[yes % 2], "stop", 1)

    def take_served(self) -> dict[int, list[int]]:
        """Answers of either kind, as if an expert gave each."""
        served, self.sung[:] = list(self.sung), [0, 0]
        return {0: served}

    def prepare(self) -> None:
        """There is nothing to build."""

    def follow(self) -> None:
        self._note("follows")
        while not self._released.exists():
            time.sleep(0.02)

    def release(self) -> None:
        self._note("leads")
        self._released.touch()

    @property
    def _released(self) -> Path:
        assert self.place is not None
        return self.folder / f"released-{self.song}-{self.place.replica}"

    def _note(self, what: str) -> None:
        assert self.place is not None
        with (self.folder / "notes").open("a") as notes:
            notes.write(f"{self.place.rank.rank} {what} {self.song}\n")
