"""Pictures as the decoder sees them: each encoded once, the latest remembered.

P positions of a picture, D width.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor

from ..network import Network
from .sequence import Shown, read_pictures

# Encoded in one forward. One already fills a CPU, and more would leave its caches: answers
# about pictures of CLIP 256 x 6 at 336/14 took a tenth longer by eights.
_TOGETHER = {"cpu": 1}
_TOGETHER_ELSEWHERE = 16


class Features:
    """Vectors of pictures by their keys. remembered: for prompts that show them once more."""

    def __init__(self, network: Network, remembered: int) -> None:
        self._network, self._remembered = network, remembered
        self._known: OrderedDict[str, Tensor] = OrderedDict()

    def encode(self, pictures: Mapping[str, Shown]) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Vectors (P, D) by key, and by key what is wrong with those that cannot be read."""
        found = {key: self._known[key] for key in pictures if key in self._known}
        missing = [picture for key, picture in pictures.items() if key not in found]
        errors: dict[str, str] = {}
        together = _TOGETHER.get(self._network.device.type, _TOGETHER_ELSEWHERE)
        for start in range(0, len(missing), together):
            pixels, wrong = read_pictures(missing[start : start + together])
            errors |= wrong
            if pixels:
                encoded = self._network.image_features(torch.stack(list(pixels.values())))
                found |= dict(zip(pixels, encoded, strict=True))
        for key, vectors in found.items():
            self._known[key] = vectors
            self._known.move_to_end(key)
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)
        return found, errors

    def forget(self) -> None:
        """Gives their memory back."""
        self._known.clear()
