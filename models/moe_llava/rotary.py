"""Rotary positions: tables of cosines and sines, scaled where a prompt is longer than trained on.

B sequences, T tokens, H heads, d head width, R rotated channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .config import DecoderConfig


@dataclass(frozen=True, slots=True)
class Rotation:
    """cosines, sines (B, 1, T, R), made in fp32; query_scale (B, 1, T, 1), None where it is 1."""

    cosines: Tensor
    sines: Tensor
    query_scale: Tensor | None = None

    def to(self, dtype: torch.dtype) -> Rotation:
        """For vectors of that type, once for all layers."""
        return Rotation(self.cosines.to(dtype), self.sines.to(dtype), self.query_scale)

    def at(self, places: Tensor) -> Rotation:
        """That of the tokens at these places (T',) alone."""
        scale = None if self.query_scale is None else self.query_scale[:, :, places]
        return Rotation(self.cosines[:, :, places], self.sines[:, :, places], scale)


def rotation(
    positions: Tensor,
    config: DecoderConfig,
    prompt_lengths: Tensor,
    reach: Tensor | None = None,
) -> Rotation:
    """The rotation of tokens at positions (B, T) of sequences with prompts of (B,) tokens.

    reach (B,): how long the sequence is with the last token that is computed at the same time,
    where that is more than these positions tell.
    """
    width, long = config.rotary_width, config.long
    exponents = torch.arange(0, width, 2, device=positions.device).float() / width
    reach = positions.amax(dim=1) + 1 if reach is None else reach
    frequencies = 1.0 / _base(config, reach, prompt_lengths) ** exponents  # (R/2,), (B, 1, R/2)
    if long.scaling == "linear":
        frequencies = frequencies / long.factor
    angles = positions[..., None].float() * frequencies  # (B, T, R/2)
    angles = torch.cat((angles, angles), dim=-1)[:, None]  # (B, 1, T, R)
    scale = None
    if long.log_queries:
        # Qwen: log of the 1-based position; up to the trained length queries are left alone
        logarithm = (positions + 1).double().log() / math.log(long.trained)
        scale = logarithm.clamp(min=1).float()[:, None, :, None]  # (B, 1, T, 1)
    return Rotation(angles.cos(), angles.sin(), scale)


def rotation_of_rows(
    positions: Tensor, config: DecoderConfig, prompt_lengths: Tensor, reach: Tensor
) -> Rotation:
    """Tables (1, 1, N, R) of N tokens, each of a sequence of its own: all given are (N,)."""
    by_row = rotation(positions[:, None], config, prompt_lengths, reach)  # (N, 1, 1, R)
    scale = by_row.query_scale
    turned = None if scale is None else scale.transpose(0, 2)
    return Rotation(by_row.cosines.transpose(0, 2), by_row.sines.transpose(0, 2), turned)


def _base(config: DecoderConfig, reach: Tensor, prompt_lengths: Tensor) -> Tensor | float:
    """The base, or (B, 1, 1) where it depends on a sequence's length.

    "dynamic" grows with every token, and keys that are cached keep the base that they met: so
    it is in transformers. "doubling" is decided by the prompt and stays (`modeling_qwen.py`).
    """
    long, width = config.long, config.rotary_width
    if long.scaling == "dynamic":
        lengths = reach.clamp(min=long.trained).double()
        growth = long.factor * lengths / long.trained - (long.factor - 1)
    elif long.scaling == "doubling":
        doublings = (prompt_lengths.double() / long.trained).log2().ceil() + 1
        growth = (2**doublings - 1).clamp(min=1)
    else:
        return config.rotary_base
    return (config.rotary_base * growth ** (width / (width - 2))).float()[:, None, None]


def rotate(x: Tensor, by: Rotation) -> Tensor:
    """x (B, H, T, d) with its first R channels turned; halves are paired, not neighbours.

    by: in x's type.
    """
    width = by.cosines.shape[-1]
    turned, rest = x[..., :width], x[..., width:]
    low, high = turned.chunk(2, dim=-1)
    turned = turned * by.cosines + torch.cat((-high, low), dim=-1) * by.sines
    return torch.cat((turned, rest), dim=-1) if rest.shape[-1] else turned
