"""The model under test with one fixture's prompts and pictures, ready to compute."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lvlm_eval.images import open_rgb
from lvlm_eval.placement import Place
from lvlm_eval.schema import Image

from ..adapter import MoELlava, open_model
from ..moe import Routing
from ..network import Network, Output
from ..settings import choose_settings
from .fixture import Fixture

CAPACITY = Routing("capacity")


@dataclass(frozen=True, slots=True)
class Bench:
    """fp32. pixels (2, 3, size, size) of both pictures; prompts: the two recorded
    ones as our tokenizer encodes them, each with one picture."""

    fixture: Fixture
    model: MoELlava
    network: Network
    pixels: Tensor
    prompts: tuple[Tensor, Tensor]

    def here(self, tensor: Tensor) -> Tensor:
        """The tensor where the network is."""
        return tensor.to(self.pixels.device)

    def forward(self, ids: Tensor, pixels: Tensor | None, routing: Routing = CAPACITY) -> Output:
        """One prompt (T,) with its pictures (I, 3, size, size), without padding or cache."""
        output: Output = self.network(self.network.splice([ids], pixels).embeds, routing=routing)
        return output


def set_up(
    fixture: Fixture, checkpoint: Path, place: Place | None = None, device: str = "cpu"
) -> Bench:
    """The bench with the weights loaded; CheckpointError where that fails.

    place: this process among those that have the network together. device: where it computes.
    """
    settings = choose_settings(device, "float32", "capacity", 1)
    model = open_model(str(checkpoint), "", settings, place=place)
    processor = model.processor
    assert processor is not None, "every fixture has a tower"
    images = [Image(fixture.folder / name) for name in ("image.png", "image2.png")]
    pixels = torch.stack([processor.pixels(open_rgb(image)) for image in images])
    first, second = (
        torch.tensor(model.chat.encode_pieces(fixture.text(name).split("<image>")))
        for name in ("prompt", "prompt2")
    )
    network = model.engine.network
    here = network.device
    return Bench(fixture, model, network, pixels.to(here), (first.to(here), second.to(here)))
