"""Pictures are encoded once, remembered for a while, and told of when they cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from lvlm_eval.models.moe_llava.engine.features import Features
from lvlm_eval.models.moe_llava.engine.sequence import Picture, Shown
from lvlm_eval.models.moe_llava.network import Network

PIXELS = torch.randn(40, 3, 12, 12, generator=torch.Generator().manual_seed(2))


@dataclass(frozen=True)
class Broken:
    """A picture that cannot be read."""

    key: str

    @property
    def pixels(self) -> Tensor:
        raise AssertionError("nobody asks for these")

    def begin(self) -> None:
        """Nothing helps."""

    def read(self) -> Tensor | str:
        return f"ImageError: {self.key}"


def some(*numbers: int) -> dict[str, Shown]:
    return {str(n): Picture(str(n), PIXELS[n]) for n in numbers}


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each forward of the tower had."""
    seen: list[int] = []
    encode = Network.image_features

    def counted(self: Network, pixels: Tensor) -> Tensor:
        seen.append(len(pixels))
        return encode(self, pixels)

    monkeypatch.setattr(Network, "image_features", counted)
    return seen


@torch.inference_mode()
def test_pictures_are_encoded_only_once(network: Network, sizes: list[int]) -> None:
    features = Features(network, 32)
    found, errors = features.encode(some(*range(10)))
    assert sum(sizes) == 10
    assert not errors
    for n in range(10):
        alone = network.image_features(PIXELS[n : n + 1])[0]
        torch.testing.assert_close(found[str(n)], alone, atol=1e-5, rtol=0)
    sizes.clear()
    again, _ = features.encode(some(3, 11))
    assert sizes == [1]
    assert torch.equal(again["3"], found["3"])


@torch.inference_mode()
def test_of_many_pictures_the_latest_are_remembered(network: Network, sizes: list[int]) -> None:
    features = Features(network, 32)
    assert len(features.encode(some(*range(40)))[0]) == 40
    sizes.clear()
    features.encode(some(39))
    assert sizes == []
    features.encode(some(0))
    assert sizes == [1]
    features.forget()
    features.encode(some(39))
    assert sizes == [1, 1]


@torch.inference_mode()
def test_a_picture_that_cannot_be_read_hinders_no_other(network: Network) -> None:
    wanted = {**some(1), "x": Broken("x"), **some(2)}
    found, errors = Features(network, 32).encode(wanted)
    assert set(found) == {"1", "2"}
    assert errors == {"x": "ImageError: x"}
    assert Features(network, 32).encode({"x": Broken("x")}) == ({}, {"x": "ImageError: x"})
