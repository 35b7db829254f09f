"""From requests as they come to batches that are ready for the model.

Made in a background thread, one batch ahead: pictures are decoded, prompts written out, both
turned into tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import PIL.Image
import transformers
from jinja2 import TemplateError

from lvlm_eval.errors import DataError, first_line
from lvlm_eval.schema import Image, Request, Response

from .grouping import apart, grouped, picture_key, portions, windows
from .prompts import Encoder, Inputs, Item, read_picture
from .sharing import Shared, share

_WINDOW = 512  # requests among which those on the same pictures are looked for
_READERS = 4  # threads that decode pictures


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions that are asked together. whole: their inputs as whole prompts, None where they
    share a prefix."""

    items: tuple[Item, ...]
    encoder: Encoder
    whole: Inputs | None
    shared: Shared | None = None

    def inputs(self, part: Sequence[int], pad_id: int) -> Inputs:
        """The whole prompts of some of the questions; without pictures where the prefix has
        them."""
        if self.shared is not None:
            return self.shared.inputs(part, pad_id)
        if self.whole is not None and len(part) == len(self.items):
            return self.whole
        return self.encoder.encode([self.items[place] for place in part])


@dataclass(frozen=True, slots=True)
class Batches:
    """How batches are made: of so many questions at most, sharing prefixes or not."""

    encoder: Encoder
    size: int
    shares: bool
    config: transformers.PreTrainedConfig

    def of(self, requests: Iterable[Request]) -> Iterator[Batch | Response]:
        """Batches, and responses for questions that cannot be asked; each question once."""
        for window in windows(requests, _WINDOW):
            sharing, rest = grouped(window) if self.shares else ([], apart(window))
            for group in sharing:
                yield from self._shared(group)
            for kind in rest:
                for portion in portions(kind, self.size):
                    yield from self._whole(portion)

    def _shared(self, group: Sequence[Request]) -> Iterator[Batch | Response]:
        """A batch for what of the group shares a prefix; the rest as whole prompts."""
        items, failed = self._items(group)
        yield from failed
        try:
            sharing, alone = share(self.encoder, items, self.config) if items else ([], [])
        except ValueError:  # one of the prompts is refused: whole prompts tell which
            sharing, alone = [], items
        for shared in sharing:
            yield Batch(shared.items, self.encoder, None, shared)
        for portion in portions(alone, self.size):
            yield from self._batch(portion)

    def _whole(self, requests: Sequence[Request]) -> Iterator[Batch | Response]:
        items, failed = self._items(requests)
        yield from failed
        yield from self._batch(items)

    def _batch(self, items: Sequence[Item]) -> Iterator[Batch | Response]:
        """A batch of whole prompts; prompts that the processor refuses become responses."""
        if not items:
            return
        try:
            whole = self.encoder.encode(items)
        except ValueError as error:
            if len(items) == 1:
                yield failure(items[0].question_id, error)
                return
            for item in items:
                yield from self._batch([item])
            return
        yield Batch(tuple(items), self.encoder, whole)

    def _items(self, requests: Sequence[Request]) -> tuple[list[Item], list[Response]]:
        """The questions, written out; responses for those that cannot be."""
        pictures = _pictures(requests)
        items, failed = [], []
        for request in requests:
            found = [pictures[picture_key(image)] for image in request.prompt.images]
            broken = [one for one in found if isinstance(one, DataError)]
            try:
                if broken:
                    raise broken[0]
                items.append(self.encoder.item(request, cast("list[PIL.Image.Image]", found)))
            except (DataError, TemplateError) as error:
                failed.append(failure(request.question_id, error))
        return items, failed


def _pictures(requests: Iterable[Request]) -> dict[str, PIL.Image.Image | DataError]:
    """The pictures of all requests, each decoded once, or what is wrong with them."""
    wanted = {picture_key(image): image for request in requests for image in request.prompt.images}
    with ThreadPoolExecutor(_READERS) as readers:
        return dict(zip(wanted, readers.map(_picture, wanted.values()), strict=True))


def _picture(image: Image) -> PIL.Image.Image | DataError:
    try:
        return read_picture(image)
    except DataError as error:
        return error


def failure(question_id: str, error: Exception) -> Response:
    """The response for a question that failed: the error's kind and the first line of it."""
    return Response(question_id, "", "error", error=f"{type(error).__name__}: {first_line(error)}")
