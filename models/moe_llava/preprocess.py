"""Pictures to pixels, bit for bit as the tower's own processor (transformers, Pillow variant).

CLIP: shorter edge to a size, centre crop. SigLIP: straight to a size. Both bicubic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from lvlm_eval.errors import CheckpointError

from .fields import Fields

Preprocess = Literal["auto", "pad", "square", "original"]


def pads(preprocess: Preprocess, configured: bool, padded: bool) -> bool:
    """Whether a picture is made square by padding.

    auto: as the checkpoint's configuration says, for every question. original: as the script that
    LLaVA has for the benchmark does it, which heeds the configuration where the prompt is `padded`
    and ignores it elsewhere. pad, square: always, never.
    """
    if preprocess == "original":
        return configured and padded
    return configured if preprocess == "auto" else preprocess == "pad"


@dataclass(frozen=True, slots=True)
class Processor:
    """One tower's preprocessing.

    height, width: of the result. shortest: where not 0, the shorter edge is first brought to
    it and the centre is cut out; else the picture is stretched. pad: make it square before, with
    `mean` as the colour. rescale: factor on 0..255; normalise: by mean and std, after it.
    """

    height: int
    width: int
    shortest: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    rescale: float
    pad: bool
    normalise: bool = True

    def pixels(self, image: PIL.Image.Image) -> Tensor:
        """(3, height, width) fp32 of an RGB picture of any size."""
        if self.pad:
            image = _square(image, tuple(int(255 * share) for share in self.mean))
        image = self._resize(image)
        # In float64 and then rounded: a factor in float32 would move deep router logits by 4e-5.
        values = (np.asarray(image) * self.rescale).astype(np.float32)  # (height, width, 3)
        if not self.normalise:
            return torch.from_numpy(values.transpose(2, 0, 1).copy())
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        return torch.from_numpy(((values - mean) / std).transpose(2, 0, 1).copy())

    def check_fits(self, side: int, origin: str) -> None:
        """CheckpointError where the result is no picture that a tower for this side can take."""
        if (self.height, self.width) != (side, side):
            raise CheckpointError(
                f"{origin}: gives pictures of {self.height} x {self.width}, but the tower's "
                f"config.json says image_size {side}"
            )

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
    """The tower's preprocessor_config.json; "pad" as image_aspect_ratio makes pictures square.

    What the file leaves out has the default of its class. CheckpointError for a class or a
    geometry that is not known here.
    """
    kind = _kind(fields)
    if fields.integer("resample", 3) != 3:
        raise CheckpointError(f"{fields.origin}: only bicubic resampling (3) is known")
    height, width, shortest = _geometry(fields, kind)
    return Processor(
        height=height,
        width=width,
        shortest=shortest,
        mean=_triple(fields, "image_mean", kind.mean),
        std=_triple(fields, "image_std", kind.std),
        rescale=fields.number("rescale_factor", 1 / 255) if fields.flag("do_rescale", True) else 1,
        pad=aspect_ratio == "pad" or fields.flag("do_pad"),  # LlavaImageProcessor's own words
        normalise=fields.flag("do_normalize", True),
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    """The defaults of one of transformers' classes. crops: to a square of the shorter edge."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crops: bool
    size: int = 224


_CLIP = _Kind((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711), crops=True)
_KINDS = {
    "CLIP": _CLIP,
    "Llava": _CLIP,  # the same, after padding where do_pad says so
    "Siglip": _Kind((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), crops=False),
}
_KIND_NAME = re.compile(
    rf"({'|'.join(_KINDS)})(?:ImageProcessor(?:Fast|Pil)?|FeatureExtractor)"  # the last: until 2022
)


def _kind(fields: Fields) -> _Kind:
    name = fields.text("image_processor_type", fields.text("feature_extractor_type", ""))
    found = _KIND_NAME.fullmatch(name)
    if found is None:
        known = ", ".join(f"{kind}ImageProcessor" for kind in _KINDS)
        raise CheckpointError(
            f"{fields.origin}: image_processor_type {name!r} is none of {known}; "
            "is this the preprocessor_config.json of a CLIP or SigLIP tower?"
        )
    return _KINDS[found[1]]


def _geometry(fields: Fields, kind: _Kind) -> tuple[int, int, int]:
    """Height and width of the result, and the shorter edge that is cut from, 0 for stretching."""
    if not fields.flag("do_resize", True):
        raise CheckpointError(
            f"{fields.origin}: do_resize is false, but the tower takes pictures of one size; "
            "give it a size"
        )
    size = _edges(fields, "size", "shortest_edge" if kind.crops else "height", kind.size)
    crops = fields.flag("do_center_crop", kind.crops)
    final = _edges(fields, "crop_size", "height", kind.size) if crops else size
    shortest = size.get("shortest_edge", 0)
    if shortest and not crops:
        raise CheckpointError(
            f"{fields.origin}: do_center_crop is false with a shortest_edge: pictures would have "
            "many sizes, and the tower takes one; give size a height and a width"
        )
    height, width = final.get("height", 0), final.get("width", 0)
    fits = max(height, width) <= shortest if shortest else final == size
    if min(height, width) < 1 or not fits:
        raise CheckpointError(f"{fields.origin}: size and crop_size do not fit each other")
    return height, width, shortest


def _edges(fields: Fields, key: str, of_number: str, default: int) -> dict[str, int]:
    """An entry such as {"height": 336, "width": 336}; files until 2022 hold one number instead."""
    value = fields.values.get(key)
    if isinstance(value, Mapping):
        entry = Fields(value, f"{fields.origin}: {key}")
        return {edge: entry.integer(edge) for edge in value}
    number = fields.integer(key, default)
    return {of_number: number} | ({"width": number} if of_number == "height" else {})


def _square(image: PIL.Image.Image, colour: tuple[int, ...]) -> PIL.Image.Image:
    """The picture centred on a square of its longer edge, the odd pixel right or below."""
    side = max(image.size)
    if image.size == (side, side):
        return image
    canvas = PIL.Image.new("RGB", (side, side), colour)
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas


def _triple(
    fields: Fields, key: str, default: tuple[float, float, float]
) -> tuple[float, float, float]:
    if fields.values.get(key) is None:
        return default
    red, green, blue = fields.numbers(key, 3)
    return red, green, blue
