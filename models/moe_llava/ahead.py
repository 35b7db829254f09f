"""Pictures read in background threads, shortly before the engine wants them."""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from weakref import WeakValueDictionary

from torch import Tensor

from lvlm_eval.errors import DataError
from lvlm_eval.schema import Image, Prompt

from .pictures import PictureReader


@dataclass(slots=True)
class Stall:
    """Seconds that the engine waited for pictures, in all."""

    seconds: float = 0.0


class Ahead:
    """Gives out pictures that are still to be read; one object for all that ask for the same."""

    def __init__(self, reader: PictureReader, threads: Executor, stall: Stall) -> None:
        self._reader, self._threads, self.stall = reader, threads, stall
        self._given: WeakValueDictionary[str, Coming] = WeakValueDictionary()

    def picture(self, image: Image, prompt: Prompt) -> Coming:
        """The prompt's image, to be read later."""
        key = self._reader.key(image, prompt)
        found = self._given.get(key)
        if found is None:
            found = self._given[key] = Coming(key, image, prompt, self)
        return found

    def start(self, image: Image, prompt: Prompt) -> Future[Tensor | str]:
        """Reads it in the background."""
        return self._threads.submit(self._reader.pixels, image, prompt)


class Coming:
    """A picture that is read when it is wanted, and forgotten when it has been given."""

    def __init__(self, key: str, image: Image, prompt: Prompt, ahead: Ahead) -> None:
        self.key = key
        self._image, self._prompt, self._ahead = image, prompt, ahead
        self._reading: Future[Tensor | str] | None = None

    @property
    def pixels(self) -> Tensor:
        """What `read` gives; DataError where that is an error."""
        found = self.read()
        if isinstance(found, str):
            raise DataError(found)
        return found

    def begin(self) -> None:
        """Starts to read it, if nobody did."""
        if self._reading is None:
            self._reading = self._ahead.start(self._image, self._prompt)

    def read(self) -> Tensor | str:
        """Pixels (3, size, size), or what went wrong; waits for them."""
        self.begin()
        assert self._reading is not None
        reading, self._reading = self._reading, None
        started = time.monotonic()
        found = reading.result()
        self._ahead.stall.seconds += time.monotonic() - started
        return found
