"""Pictures to pixels, bit for bit as the tower's own processor (transformers, Pillow variant).

CLIP: shorter edge to a size, centre crop. SigLIP: straight to a size. Both bicubic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from lvlm_eval.errors import CheckpointError

from .fields import Fields


@dataclass(frozen=True, slots=True)
class Processor:
    """One tower's preprocessing.

    height, width: of the result. shortest: where not 0, the shorter edge is first brought to
    it and the centre is cut out; else the picture is stretched. pad: make it square before.
    """

    height: int
    width: int
    shortest: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    rescale: float
    pad: bool

    def pixels(self, image: PIL.Image.Image) -> Tensor:
        """(3, height, width) fp32 of an RGB picture of any size."""
        if self.pad:
            image = _square(image, tuple(int(255 * share) for share in self.mean))
        image = self._resize(image)
        # In float64 and then rounded: a factor in float32 would move deep router logits by 4e-5.
        values = (np.asarray(image) * self.rescale).astype(np.float32)  # (height, width, 3)
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        return torch.from_numpy(((values - mean) / std).transpose(2, 0, 1).copy())

    def _resize(self, image: PIL.Image.Image) -> PIL.Image.Image:
        bicubic = PIL.Image.Resampling.BICUBIC
        if not self.shortest:
            return image.resize((self.width, self.height), bicubic)
        short = min(image.size)
        # the shorter edge exactly, the longer one rounded down
        width, height = (int(self.shortest * edge / short) for edge in image.size)
        image = image.resize((width, height), bicubic)
        left, top = (width - self.width) // 2, (height - self.height) // 2
        return image.crop((left, top, left + self.width, top + self.height))


def read_processor(fields: Fields, aspect_ratio: str) -> Processor:
    """The tower's preprocessor_config.json; "pad" as image_aspect_ratio makes pictures square."""
    size = fields.fields("size") or fields
    shortest = size.integer("shortest_edge", 0)
    crop = fields.fields("crop_size") if fields.flag("do_center_crop") else None
    final = crop or size
    height = final.integer("height", shortest)
    width = final.integer("width", shortest)
    if fields.integer("resample", 3) != 3:
        raise CheckpointError(f"{fields.origin}: only bicubic resampling (3) is known")
    if min(height, width) < 1 or (shortest and max(height, width) > shortest):
        raise CheckpointError(f"{fields.origin}: size and crop_size do not fit each other")
    return Processor(
        height=height,
        width=width,
        shortest=shortest,
        mean=_triple(fields, "image_mean"),
        std=_triple(fields, "image_std"),
        rescale=fields.number("rescale_factor", 1 / 255),
        pad=aspect_ratio == "pad" or fields.flag("do_pad"),  # LlavaImageProcessor's own words
    )


def _square(image: PIL.Image.Image, colour: tuple[int, ...]) -> PIL.Image.Image:
    """The picture centred on a square of its longer edge, the odd pixel right or below."""
    side = max(image.size)
    if image.size == (side, side):
        return image
    canvas = PIL.Image.new("RGB", (side, side), colour)
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas


def _triple(fields: Fields, key: str) -> tuple[float, float, float]:
    red, green, blue = fields.numbers(key, 3)
    return red, green, blue
