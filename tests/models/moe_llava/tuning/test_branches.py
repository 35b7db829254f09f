from __future__ import annotations

import torch

from lvlm_eval.models.moe_llava.tuning.branches import mask_of, positions_of

# A stem of two, a branch of three, one of two, and padding.
BRANCHES = torch.tensor([[0, 0, 1, 1, 1, 2, 2, -1]])


def test_every_branch_goes_on_where_the_stem_ends() -> None:
    assert positions_of(BRANCHES)[0, :7].tolist() == [0, 1, 2, 3, 4, 2, 3]


def test_without_branches_positions_count_up() -> None:
    assert positions_of(torch.zeros(2, 5, dtype=torch.long)).tolist() == [[0, 1, 2, 3, 4]] * 2


def test_a_branch_sees_the_stem_and_its_own_past() -> None:
    seen = (mask_of(BRANCHES, torch.float32)[0, 0] == 0).int().tolist()
    assert seen[1] == [1, 1, 0, 0, 0, 0, 0, 0]
    assert seen[4] == [1, 1, 1, 1, 1, 0, 0, 0]
    assert seen[6] == [1, 1, 0, 0, 0, 1, 1, 0]


def test_no_row_is_without_anything_to_see() -> None:
    assert (mask_of(BRANCHES, torch.float32) == 0).any(dim=-1).all()
