"""What questions on the same pictures have in common: inputs cut where they begin to differ.

T tokens of a prompt, P of the shared prefix, S of the longest rest, B questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import transformers
from torch import Tensor

from lvlm_eval import batching

from .prompts import Encoder, Inputs, Item


@dataclass(frozen=True, slots=True)
class Shared:
    """The prefix of several questions with its pictures, and each question's own inputs by token
    (1, T), without pictures."""

    items: tuple[Item, ...]
    prefix: Inputs
    rows: tuple[Inputs, ...]
    length: int  # P

    def inputs(self, chosen: Sequence[int], pad_id: int) -> Inputs:
        """The whole prompts of some of the questions, as they are asked behind the prefix."""
        return side_by_side([self.rows[place] for place in chosen], self.length, pad_id)


def share(
    encoder: Encoder, items: Sequence[Item], config: transformers.PreTrainedConfig
) -> tuple[list[Shared], list[Item]]:
    """The questions grouped by what they share, and those that share no picture with another.

    All must have the same pictures. What a group shares reaches behind the last picture, for the
    model takes pictures with the first of a prompt's tokens or not at all.
    """
    encoded = [encoder.encode([item]) for item in items]
    ids = [tuple(inputs["input_ids"][0].tolist()) for inputs in encoded]
    heads = [row[: _end_of_pictures(row, image_token_id(config))] for row in ids]
    numbers = {head: -number for number, head in enumerate(dict.fromkeys(heads), start=1)}
    lengths = {number: len(head) for head, number in numbers.items()}
    prompts = [(numbers[head], *row[len(head) :]) for head, row in zip(heads, ids, strict=True)]
    groups = batching.share(prompts, lambda symbol: lengths.get(symbol, 1), max(map(len, ids)))
    sharing, alone = [], []
    for group in groups:
        members, head = [items[place] for place in group.members], heads[group.members[0]]
        if head and len(members) > 1:
            length = len(head) + group.trunk - 1
            sharing.append(_cut(members, [encoded[place] for place in group.members], length))
        else:
            alone += members
    return sharing, alone


def _end_of_pictures(ids: Sequence[int], image_id: int | None) -> int:
    """Where the last picture's tokens end; 0 where there are none to be seen."""
    return max((place + 1 for place, token in enumerate(ids) if token == image_id), default=0)


def _cut(items: Sequence[Item], encoded: Sequence[Inputs], length: int) -> Shared:
    rows = [by_token(inputs) for inputs in encoded]
    first, tokens = encoded[0], rows[0]
    prefix = {name: tokens[name][:, :length] if name in tokens else first[name] for name in first}
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
