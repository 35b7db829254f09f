"""Tower, projector and decoder joined: composition only. Sizes are `build.py`'s business.

B sequences, T tokens, I images, P features of one, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from .attention import additive_mask
from .decoder import Block, Context, Decoder
from .grouped import serves
from .moe import ARGMAX, MoELayer, RouterStats, Routing
from .projector import Projector
from .splice import IMAGE_TOKEN, Side, Spliced, splice
from .vision import VisionTower


@dataclass(frozen=True, slots=True)
class Output:
    """logits (B, T, V) fp32; one RouterStats for each MoE layer, in layer order."""

    logits: Tensor
    stats: list[RouterStats]


class Network(nn.Module):
    """A vision-language model; without tower and projector a language model.

    mapped: files whose own pages are some of the parameters.
    one_by_one: images are encoded each by itself (`deterministic.py`).
    """

    mapped: frozenset[Path] = frozenset()
    one_by_one: bool = False

    def __init__(
        self, decoder: Decoder, vision: VisionTower | None, projector: Projector | None
    ) -> None:
        super().__init__()
        self.decoder, self.vision, self.projector = decoder, vision, projector

    @property
    def device(self) -> torch.device:
        return self.decoder.embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.decoder.embedding.weight.dtype

    def group_experts(self) -> None:
        """Has the experts of each layer multiplied together where torch can (`grouped.py`)."""
        if serves(self.device, self.dtype):
            for block in self.decoder.blocks:
                if isinstance(block, Block) and isinstance(block.mlp, MoELayer):
                    block.mlp.group()

    @property
    def image_positions(self) -> int:
        """P, the positions that an image takes in a prompt; 0 without a tower."""
        if self.vision is None or self.projector is None:
            return 0
        return self.projector.config.features(self.vision.config.features)

    def image_features(self, pixels: Tensor) -> Tensor:
        """(I, 3, size, size) to (I, P, D). The tower is frozen in every stage of training."""
        if self.vision is None or self.projector is None:
            raise ValueError("this network has no image tower, but there are images")
        if self.one_by_one and len(pixels) > 1:
            return torch.cat([self.image_features(one) for one in torch.split(pixels, 1)])
        with torch.no_grad():
            features = self.vision(pixels.to(self.device, self.dtype))
        projected: Tensor = self.projector(features)
        return projected

    def splice(
        self,
        token_ids: Sequence[Tensor],
        pixels: Tensor | None,
        *,
        labels: Sequence[Tensor] | None = None,
        side: Side = "right",
        max_length: int | None = None,
    ) -> Spliced:
        """Prompts (T,) with their images (I, 3, size, size), in order, as vectors."""
        features = self.image_features(pixels) if pixels is not None else ()
        return self.join(token_ids, features, labels=labels, side=side, max_length=max_length)

    def join(
        self,
        token_ids: Sequence[Tensor],
        features: Tensor | Sequence[Tensor],
        *,
        labels: Sequence[Tensor] | None = None,
        side: Side = "right",
        max_length: int | None = None,
    ) -> Spliced:
        """As `splice`, of image features (P, D) each, in order.

        Where there is an embedding_scale it applies to prompts without a picture (`embed`).
        """
        embed, scale = self.decoder.embedding, self.decoder.config.embedding_scale
        spliced = splice(
            token_ids, features, embed, labels=labels, side=side, max_length=max_length
        )
        if scale == 1:
            return spliced
        scales = [1.0 if IMAGE_TOKEN in ids else scale for ids in token_ids]
        rows = spliced.embeds.new_tensor(scales)[:, None, None]  # (B, 1, 1)
        return replace(spliced, embeds=spliced.embeds * rows)

    def forward(
        self,
        embeds: Tensor,
        valid: Tensor | None = None,
        positions: Tensor | None = None,
        routing: Routing = ARGMAX,
    ) -> Output:
        """All logits of vectors (B, T, D), without a cache; differentiable.

        valid (B, T) says which are not padding; without positions (B, T) they are 0..T-1
        whatever is padding (rotary positions are relative).
        """
        length = embeds.shape[1]
        if positions is None:
            positions = torch.arange(length, device=embeds.device).expand(len(embeds), -1)
        mask = None
        if valid is not None:
            blocked = self.decoder.config.blocked
            mask = additive_mask(valid, length, embeds.dtype, blocked)
        hidden, stats = self.decoder(embeds, Context(positions, mask, routing=routing))
        return Output(self.decoder.logits(hidden), stats)
