"""What questions on the same pictures have in common: inputs cut where they begin to differ.

T tokens of a prompt, P of the shared prefix, S of the longest rest, B questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import transformers
from torch import Tensor

from .grouping import common_prefix
from .prompts import Encoder, Inputs, Item


@dataclass(frozen=True, slots=True)
class Shared:
    """The prefix of several questions with its pictures, and each question's own inputs by token
    (1, T), without pictures."""

    items: tuple[Item, ...]
    prefix: Inputs
    rows: tuple[Inputs, ...]
    length: int  # P


def share(
    encoder: Encoder, items: Sequence[Item], config: transformers.PreTrainedConfig
) -> Shared | None:
    """The questions, cut behind what they share; None where a picture would lie beyond the cut.

    All must have the same pictures.
    """
    image_id = image_token_id(config)
    encoded = [encoder.encode([item]) for item in items]
    rows = [by_token(inputs) for inputs in encoded]
    ids = [row["input_ids"][0].tolist() for row in rows]
    length = common_prefix(ids)
    if image_id is None or not length or any(image_id in row[length:] for row in ids):
        return None
    first = encoded[0]
    prefix = {name: rows[0][name][:, :length] if name in rows[0] else first[name] for name in first}
    return Shared(tuple(items), prefix, tuple(rows), length)


def by_token(inputs: Inputs) -> dict[str, Tensor]:
    """Those of one prompt's inputs that hold a value for each token, (1, T)."""
    shape = inputs["input_ids"].shape
    return {name: value for name, value in inputs.items() if value.shape == shape}


def image_token_id(config: transformers.PreTrainedConfig) -> int | None:
    """The id that stands for a picture's features; None where the configuration has none."""
    for name in ("image_token_id", "image_token_index"):
        found = getattr(config, name, None)
        if isinstance(found, int):
            return found
    return None


def side_by_side(rows: Sequence[Inputs], length: int, pad_id: int) -> dict[str, Tensor]:
    """Whole prompts (B, P + S) whose first P are shared, so the padding stands behind these."""
    longest = max(row["input_ids"].shape[1] for row in rows)
    joined = {}
    for name in rows[0]:
        fill = pad_id if name == "input_ids" else 0
        padded = []
        for row in rows:
            own = row[name]
            padding = own.new_full((1, longest - own.shape[1]), fill)
            padded.append(torch.cat((own[:, :length], padding, own[:, length:]), dim=1))
        joined[name] = torch.cat(padded)
    return joined
