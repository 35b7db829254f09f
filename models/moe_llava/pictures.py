"""The pictures of prompts as pixels, each read once, by the rules that were asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

from torch import Tensor

from lvlm_eval.errors import DataError, UsageError
from lvlm_eval.images import open_rgb
from lvlm_eval.schema import Image, Prompt

from .config import SelectFeature
from .engine.sequence import Picture
from .preprocess import Preprocess, Processor, pads

READERS = 4  # threads that decode pictures while the network is busy


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """How pictures enter the network, where it is not as the checkpoint says ("auto")."""

    preprocess: Preprocess = "auto"
    select_feature: Literal["auto"] | SelectFeature = "auto"

    def describe(self) -> dict[str, str]:
        """What was asked for that is not the checkpoint's own way."""
        named = {"preprocess": self.preprocess, "select_feature": self.select_feature}
        return {name: value for name, value in named.items() if value != "auto"}


def choose_image_settings(preprocess: str, select_feature: str) -> ImageSettings:
    """The settings; UsageError for what does not exist."""
    if preprocess not in get_args(Preprocess):
        kinds = ", ".join(get_args(Preprocess))
        raise UsageError(f"unknown preprocess {preprocess!r}; there are {kinds}")
    if select_feature not in ("auto", *get_args(SelectFeature)):
        kinds = ", ".join(get_args(SelectFeature))
        raise UsageError(f"unknown select_feature {select_feature!r}; there are auto, {kinds}")
    return ImageSettings(
        cast("Preprocess", preprocess),
        cast("Literal['auto'] | SelectFeature", select_feature),
    )


@dataclass(frozen=True, slots=True)
class PictureReader:
    """Reads pictures for a tower. processor: None for a model without one; its own `pad` is what
    the checkpoint's configuration says."""

    processor: Processor | None
    preprocess: Preprocess = "auto"

    def read(self, prompts: Sequence[Prompt]) -> list[list[Picture] | str]:
        """Each prompt's pictures in order, or what is wrong with the first that cannot be read."""
        wanted = {self.key(i, prompt): (i, prompt) for prompt in prompts for i in prompt.images}
        with ThreadPoolExecutor(READERS) as readers:
            read = readers.map(self.pixels, *zip(*wanted.values(), strict=True)) if wanted else ()
            pixels = dict(zip(wanted, read, strict=True))
        found: list[list[Picture] | str] = []
        for prompt in prompts:
            keys = [self.key(image, prompt) for image in prompt.images]
            broken = [value for value in map(pixels.__getitem__, keys) if isinstance(value, str)]
            pictures = [Picture(key, cast("Tensor", pixels[key])) for key in keys]
            found.append(broken[0] if broken else pictures)
        return found

    def pixels(self, image: Image, prompt: Prompt) -> Tensor | str:
        """Pixels (3, size, size), or what went wrong."""
        if self.processor is None:
            return "UsageError: the model has no image tower, but the prompt has an image"
        try:
            return replace(self.processor, pad=self._pads(prompt)).pixels(open_rgb(image))
        except DataError as error:
            return f"{type(error).__name__}: {error}"

    def _pads(self, prompt: Prompt) -> bool:
        configured = self.processor is not None and self.processor.pad
        return pads(self.preprocess, configured, prompt.padded)

    def key(self, image: Image, prompt: Prompt) -> str:
        """What tells pictures apart: their digest, place or bytes, and how they are made square."""
        if image.data is not None and not image.digest:
            name = hashlib.sha256(image.data).hexdigest()
        else:
            name = image.digest or image.place
        return f"{'padded' if self._pads(prompt) else 'as it is'} {name}"
