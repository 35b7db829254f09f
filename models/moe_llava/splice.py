"""Image features take the place of image tokens in a batch of prompts: a pure function.

B sequences, T tokens, T' positions after splicing, I images, P features each, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

IMAGE_TOKEN = -200
IGNORED = -100
Side = Literal["left", "right"]
Embed = Callable[[Tensor], Tensor]  # ids (T,) to their vectors (T, D)


@dataclass(frozen=True, slots=True)
class Spliced:
    """embeds (B, T', D), zero at padding; valid (B, T') bool; positions (B, T'), 0 at padding;
    labels (B, T'), IGNORED at images and padding, None if none were given."""

    embeds: Tensor
    valid: Tensor
    positions: Tensor
    labels: Tensor | None


def splice(
    token_ids: Sequence[Tensor],
    features: Tensor | Sequence[Tensor],
    embed: Embed,
    *,
    labels: Sequence[Tensor] | None = None,
    side: Side = "left",
    max_length: int | None = None,
) -> Spliced:
    """The batch as vectors: each IMAGE_TOKEN of (T,) ids becomes the next image's (P, D).

    `features` holds the images of all sequences in order, as many as there are placeholders;
    `embed` looks ids up. What is longer than max_length is cut from the right.
    The original takes one image for a sequence without placeholder, too; here it takes none.
    """
    wanted = sum(int((ids == IMAGE_TOKEN).sum()) for ids in token_ids)
    if wanted != len(features):
        raise ValueError(f"{wanted} image tokens but {len(features)} images")
    images = iter(features)
    given = labels if labels is not None else [torch.full_like(i, IGNORED) for i in token_ids]
    rows = [
        _fill(ids, targets, images, embed, max_length)
        for ids, targets in zip(token_ids, given, strict=True)
    ]
    spliced = _pad(rows, side)
    return spliced if labels is not None else replace(spliced, labels=None)


def _fill(
    ids: Tensor,
    labels: Tensor,
    images: Iterator[Tensor],
    embed: Embed,
    max_length: int | None,
) -> tuple[Tensor, Tensor]:
    """Vectors (T', D) and labels (T',) of one sequence."""
    text = embed(ids.clamp(min=0))  # (T, D); rows of image tokens are not used
    vectors, targets, start = [], [], 0
    for cut in (ids == IMAGE_TOKEN).nonzero().flatten().tolist():
        image = next(images).to(text)  # (P, D)
        vectors += [text[start:cut], image]
        targets += [labels[start:cut], labels.new_full((len(image),), IGNORED)]
        start = cut + 1
    vectors.append(text[start:])
    targets.append(labels[start:])
    return torch.cat(vectors)[:max_length], torch.cat(targets)[:max_length]


def _pad(rows: Sequence[tuple[Tensor, Tensor]], side: Side) -> Spliced:
    """Rows of (T', D) vectors and (T',) labels as one batch, as long as the longest."""
    longest = max(len(vectors) for vectors, _ in rows)
    lengths = torch.tensor([len(vectors) for vectors, _ in rows], device=rows[0][0].device)
    places = torch.arange(longest, device=lengths.device).expand(len(rows), -1)  # (B, T')
    places = places - (longest - lengths if side == "left" else 0 * lengths)[:, None]
    valid = (places >= 0) & (places < lengths[:, None])
    gaps = [longest - len(vectors) for vectors, _ in rows]
    before = [gap if side == "left" else 0 for gap in gaps]
    embeds = [
        F.pad(vectors, (0, 0, first, gap - first))
        for (vectors, _), gap, first in zip(rows, gaps, before, strict=True)
    ]
    labels = [
        F.pad(targets, (first, gap - first), value=IGNORED)
        for (_, targets), gap, first in zip(rows, gaps, before, strict=True)
    ]
    return Spliced(torch.stack(embeds), valid, places * valid, torch.stack(labels))
