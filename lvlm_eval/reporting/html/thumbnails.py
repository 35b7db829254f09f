"""Small pictures of the questions that a page shows, within a number and a size."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from lvlm_eval.errors import ImageError
from lvlm_eval.images import open_rgb
from lvlm_eval.reporting.html.browsing import Browsing
from lvlm_eval.schema import Image, Sample

SIDE = 192  # pixels of the longer side
QUALITY = 72
MAX_PICTURES = 1000
MAX_BYTES = 16 << 20  # of all pictures of a page, as base64


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a page may hold: pictures, and bytes of them."""

    pictures: int = MAX_PICTURES
    size: int = MAX_BYTES


def picture_samples(
    samples: Mapping[str, Sequence[Sample]],
    limits: Limits = Limits(),  # frozen
) -> Browsing:
    """Questions and thumbnails by task label; a picture that several questions show stands once.

    Tasks take turns until a limit is reached. A picture that cannot be read is left out.
    """
    wanted = _in_turns(samples)
    chosen = list(islice(wanted, limits.pictures))
    with ThreadPoolExecutor(4) as pool:
        drawn = dict(zip(chosen, pool.map(_thumbnail, chosen), strict=True))
    kept: dict[Image, str] = {}
    size = 0
    for image, text in drawn.items():
        size += len(text)
        if text and size <= limits.size:
            kept[image] = text
    numbers = {image: number for number, image in enumerate(kept)}
    total = len(wanted)
    note = "" if len(kept) == total else f"{len(kept):,} of {total:,} pictures are in this file"
    return Browsing(
        {label: {s.question_id: s.prompt.text for s in own} for label, own in samples.items()},
        {label: _places(own, numbers) for label, own in samples.items()},
        list(kept.values()),
        note,
    )


def _in_turns(samples: Mapping[str, Sequence[Sample]]) -> dict[Image, None]:
    """Every picture once, the tasks' first ones before their second ones."""
    each = [
        list(dict.fromkeys(i for s in own for i in s.prompt.images)) for own in samples.values()
    ]
    longest = max(map(len, each), default=0)
    return dict.fromkeys(own[n] for n in range(longest) for own in each if n < len(own))


def _places(samples: Sequence[Sample], numbers: Mapping[Image, int]) -> dict[str, Sequence[int]]:
    return {s.question_id: [numbers[i] for i in s.prompt.images if i in numbers] for s in samples}


def _thumbnail(image: Image) -> str:
    """A data URI: PNG of a tiny picture, else WebP; empty where it cannot be read."""
    try:
        picture = open_rgb(image)
    except ImageError:
        return ""
    tiny = max(picture.size) <= SIDE // 2
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    if tiny:
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "WEBP", quality=QUALITY)
    kind = "png" if tiny else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
