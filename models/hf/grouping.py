"""Which questions are asked together. Plain values; nothing here knows a tensor."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from lvlm_eval.schema import Image, Request

T = TypeVar("T")
Key = tuple[str, ...]


def windows(requests: Iterable[Request], size: int) -> Iterator[list[Request]]:
    """The requests in order, so many at a time."""
    waiting = iter(requests)
    while window := list(islice(waiting, size)):
        yield window


def grouped(window: Iterable[Request]) -> tuple[list[list[Request]], list[list[Request]]]:
    """The questions that share all their pictures with another, group by group; and the others,
    those with pictures apart from those without. All in the order in which they came."""
    groups: dict[Key, list[Request]] = {}
    for request in window:
        key = tuple(picture_key(image) for image in request.prompt.images)
        groups.setdefault(key, []).append(request)
    sharing = [group for key, group in groups.items() if key and len(group) > 1]
    alone = [group[0] for key, group in groups.items() if key and len(group) == 1]
    return sharing, [alone, groups.get((), [])]


def apart(window: Iterable[Request]) -> list[list[Request]]:
    """The questions with pictures and those without, in order: processors take no mixture."""
    requests = list(window)
    pictured = [request for request in requests if request.prompt.images]
    return [pictured, [request for request in requests if not request.prompt.images]]


def portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, at most so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def picture_key(image: Image) -> str:
    """What tells a picture from others: its digest, bytes or place."""
    if image.data is not None and not image.digest:
        return hashlib.sha256(image.data).hexdigest()
    return image.digest or image.place
