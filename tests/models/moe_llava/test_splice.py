"""Splicing: every text token stays, every picture lands where its token was."""

from __future__ import annotations

from functools import partial
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lvlm_eval.models.moe_llava.splice import IGNORED, IMAGE_TOKEN, splice

TABLE = torch.arange(20.0)[:, None] * torch.tensor([1.0, 10.0]) + 1  # row n is (n + 1, 10 n + 1)
EMBED = partial(F.embedding, weight=TABLE)
PICTURE = torch.tensor([[-1.0, -1.0], [-2.0, -2.0], [-3.0, -3.0]])

ids_strategy = st.lists(st.one_of(st.integers(0, 19), st.just(IMAGE_TOKEN)), min_size=1, max_size=9)


def test_a_picture_takes_the_place_of_its_token() -> None:
    ids = torch.tensor([4, IMAGE_TOKEN, 7])
    spliced = splice([ids], [PICTURE], EMBED, labels=[torch.tensor([4, 5, 7])])
    assert spliced.embeds[0, :, 0].tolist() == [5.0, -1.0, -2.0, -3.0, 8.0]
    assert spliced.positions.tolist() == [[0, 1, 2, 3, 4]]
    assert spliced.labels is not None
    assert spliced.labels.tolist() == [[4, IGNORED, IGNORED, IGNORED, 7]]
    assert spliced.valid.all()


@pytest.mark.parametrize(
    ("side", "first", "positions"),
    [("left", [0.0, 0.0, 3.0], [0, 0, 0, 1, 2]), ("right", [3.0, 4.0, 5.0], [0, 1, 2, 0, 0])],
)
def test_the_shorter_row_is_padded_with_zeros_on_the_side(
    side: Literal["left", "right"], first: list[float], positions: list[int]
) -> None:
    rows = [torch.tensor([2, 3, 4]), torch.tensor([1, IMAGE_TOKEN, 1])]
    spliced = splice(rows, [PICTURE], EMBED, side=side)
    assert spliced.embeds[0, :3, 0].tolist() == first
    assert spliced.positions[0].tolist() == positions
    assert spliced.valid.sum(dim=1).tolist() == [3, 5]
    assert spliced.labels is None


def test_what_is_too_long_is_cut_from_the_right() -> None:
    ids = torch.tensor([4, IMAGE_TOKEN, 7, 8])
    spliced = splice([ids], [PICTURE], EMBED, labels=[ids.clone()], max_length=3)
    assert spliced.embeds[0, :, 0].tolist() == [5.0, -1.0, -2.0]
    assert spliced.labels is not None
    assert spliced.labels.shape == (1, 3)


def test_pictures_and_places_must_be_equally_many() -> None:
    with pytest.raises(ValueError, match="2 image tokens but 1 images"):
        splice([torch.tensor([IMAGE_TOKEN, IMAGE_TOKEN])], [PICTURE], EMBED)
    with pytest.raises(ValueError, match="0 image tokens but 1 images"):
        splice([torch.tensor([1])], [PICTURE], EMBED)


@settings(deadline=None)
@given(st.lists(ids_strategy, min_size=1, max_size=4), st.sampled_from(["left", "right"]))
def test_every_text_token_is_kept_in_order(
    rows: list[list[int]], side: Literal["left", "right"]
) -> None:
    pictures = [
        torch.full((2, 2), -float(number + 1))
        for number in range(sum(row.count(IMAGE_TOKEN) for row in rows))
    ]
    tensors = [torch.tensor(row) for row in rows]
    spliced = splice(tensors, pictures, EMBED, labels=tensors, side=side)
    assert spliced.labels is not None
    seen = 0
    for number, row in enumerate(rows):
        real = spliced.embeds[number][spliced.valid[number]]
        expected: list[Tensor] = []
        for token in row:
            expected += [pictures[seen]] if token == IMAGE_TOKEN else [TABLE[token : token + 1]]
            seen += token == IMAGE_TOKEN
        assert real.tolist() == torch.cat(expected).tolist()
        kept = spliced.labels[number][spliced.labels[number] != IGNORED].tolist()
        assert kept == [token for token in row if token != IMAGE_TOKEN]
        assert spliced.positions[number][spliced.valid[number]].tolist() == list(range(len(real)))
        assert not spliced.embeds[number][~spliced.valid[number]].any()


def test_gradients_reach_the_pictures_and_the_embedding_table() -> None:
    table, picture = TABLE.clone().requires_grad_(), PICTURE.clone().requires_grad_()
    embed = partial(F.embedding, weight=table)
    torch.autograd.backward(splice([torch.tensor([3, IMAGE_TOKEN])], [picture], embed).embeds.sum())
    assert picture.grad is not None
    assert picture.grad.eq(1).all()
    assert table.grad is not None
    assert table.grad.sum().item() == 2
    assert table.grad[3].eq(1).all()
