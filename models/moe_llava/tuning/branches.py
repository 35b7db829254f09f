"""Several conversations that share their beginning, as one sequence: branches of one stem.

Questions on one picture then cost the picture and the text before it only once, and yet each is
trained as it is asked: alone. B sequences, T positions.
"""

from __future__ import annotations

import torch
from torch import Tensor

STEM = 0  # the branch number of the shared beginning; conversations count from 1
PADDING = -1


def positions_of(branches: Tensor) -> Tensor:
    """(B, T): where each position would stand if its branch followed the stem directly.

    A branch is one run of equal numbers in (B, T), the stem the first run.
    """
    places = torch.arange(branches.shape[1], device=branches.device).expand_as(branches)
    begins = torch.ones_like(branches, dtype=torch.bool)
    begins[:, 1:] = branches[:, 1:] != branches[:, :-1]
    start = torch.where(begins, places, 0).cummax(dim=1).values  # (B, T)
    stem = (branches == STEM).sum(dim=1, keepdim=True)  # (B, 1)
    return places - start + torch.where(branches == STEM, 0, stem)


def mask_of(branches: Tensor, dtype: torch.dtype) -> Tensor:
    """(B, 1, T, T) to be added to scores: each sees what precedes it in the stem and its branch."""
    length = branches.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=branches.device).tril()
    rows, columns = branches[:, :, None], branches[:, None, :]
    seen = causal & ((columns == STEM) | (rows == columns))  # (B, T, T)
    zero = torch.zeros((), dtype=dtype, device=branches.device)
    return torch.where(seen, zero, torch.finfo(dtype).min)[:, None]
