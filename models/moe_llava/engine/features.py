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

_TOGETHER = 8  # encoded in one forward
_REMEMBERED = 32  # for prompts that show them once more


class Features:
    """Vectors of pictures by their keys."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: OrderedDict[str, Tensor] = OrderedDict()

    def encode(self, pictures: Mapping[str, Shown]) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Vectors (P, D) by key, and by key what is wrong with those that cannot be read."""
        found = {key: self._known[key] for key in pictures if key in self._known}
        missing = [picture for key, picture in pictures.items() if key not in found]
        errors: dict[str, str] = {}
        for start in range(0, len(missing), _TOGETHER):
            pixels, wrong = read_pictures(missing[start : start + _TOGETHER])
            errors |= wrong
            if pixels:
                encoded = self._network.image_features(torch.stack(list(pixels.values())))
                found |= dict(zip(pixels, encoded, strict=True))
        for key, vectors in found.items():
            self._known[key] = vectors
            self._known.move_to_end(key)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found, errors

    def forget(self) -> None:
        """Gives their memory back."""
        self._known.clear()
