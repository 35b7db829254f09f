"""In half precision, bit by bit the same whoever else is computed with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lvlm_eval.errors import UsageError
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.build import to_dtype
from lvlm_eval.models.moe_llava.decoder import Block
from lvlm_eval.models.moe_llava.deterministic import TILE, Tiled, make_deterministic
from lvlm_eval.models.moe_llava.engine.engine import Engine
from lvlm_eval.models.moe_llava.engine.sequence import Picture, Question
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN, Side
from lvlm_eval.schema import Decoding, Image, Prompt, Request

from .tiny_families import SIDE, make

CASES = ("moe_llava_phi", "moe_llava_qwen", "moe_llava_stablelm", "llava_llama", "llava_minicpm")
PIXELS = torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
PROMPTS = tuple(
    torch.tensor([3, *range(4, 4 + before), IMAGE_TOKEN, *range(20, 20 + after)])
    for before, after in ((0, 1), (2, 3), (9, 7))
)

every_case = pytest.mark.parametrize("case", CASES)
every_half = pytest.mark.parametrize("dtype", (torch.bfloat16, torch.float16), ids=str)


def network_for(case: str, dtype: torch.dtype) -> Network:
    return make_deterministic(to_dtype(make(case), dtype))


def logits_of(network: Network, which: Sequence[int], side: Side = "left") -> list[Tensor]:
    """The logits (T, V) of these prompts in one forward, padding left out."""
    batch = network.splice([PROMPTS[n] for n in which], PIXELS[list(which)], side=side)
    logits = network(batch.embeds, batch.valid, batch.positions).logits
    return [row[valid] for row, valid in zip(logits, batch.valid, strict=True)]


@torch.inference_mode()
@every_half
@every_case
def test_logits_are_equal_to_the_bit_alone_and_padded_in_company(
    case: str, dtype: torch.dtype
) -> None:
    network = network_for(case, dtype)
    alone = [logits_of(network, [n])[0] for n in range(3)]
    assert alone[0].std() > 0.01  # lively
    for which in ([0, 1, 2], [1, 1, 1, 1, 2]):
        for side in ("left", "right"):
            for n, found in zip(which, logits_of(network, which, side), strict=True):
                assert torch.equal(found, alone[n])


@torch.inference_mode()
@every_half
@every_case
def test_a_prompts_beginning_is_the_same_whatever_follows(case: str, dtype: torch.dtype) -> None:
    network = network_for(case, dtype)
    embeds = network.splice(PROMPTS[2:], PIXELS[2:]).embeds  # (1, T, D)
    whole = network(embeds).logits[0]
    for end in range(1, embeds.shape[1]):
        assert torch.equal(network(embeds[:, :end]).logits[0], whole[:end])


@pytest.mark.parametrize("case", CASES[:3])
def test_answers_are_the_same_however_they_are_asked(case: str) -> None:
    network = network_for(case, torch.bfloat16)
    questions = [
        Question(
            f"{image} {n} {more}",
            (*PROMPTS[n].tolist(), *range(30, 30 + more)),
            (Picture(str(image), PIXELS[image]),),
        )
        for image in range(2)
        for n in range(3)
        for more in (0, 1)
    ]

    def asked(
        these: Sequence[Question], *, reuse: bool = True, batch: int = 64, budget: int = 0
    ) -> dict[str, tuple[int, ...]]:
        engine = Engine(network, lambda ids, extra: False, reuse=reuse, batch=batch, budget=budget)
        greedy = Decoding(max_new_tokens=6)
        return {one.question_id: one.new_token_ids for one in engine.run(these, greedy)}

    alone = {name: ids for q in questions for name, ids in asked([q]).items()}
    assert len(set(alone.values())) > 1
    assert asked(questions) == alone
    assert asked(questions[::-1], batch=5) == alone
    assert asked(questions, budget=120) == alone
    assert asked(questions, reuse=False) == alone
    assert asked(questions[:5]).items() <= alone.items()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 2 * TILE + 5), min_size=1, max_size=5))
def test_a_tiled_layer_gives_rows_the_same_however_many_come_at_once(sizes: list[int]) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(24, 17).bfloat16()
    rows = torch.randn(sum(sizes), 24, generator=generator).bfloat16()
    tiled = Tiled(layer)
    whole = tiled(rows)
    assert torch.equal(torch.cat([tiled(part) for part in torch.split(rows, sizes)]), whole)
    assert torch.equal(tiled(rows[None, :, None])[0, :, 0], whole)
    torch.testing.assert_close(whole, layer(rows))


def test_no_rows_are_no_rows() -> None:
    assert Tiled(nn.Linear(4, 5))(torch.zeros(2, 0, 4)).shape == (2, 0, 5)


def test_a_machine_on_which_places_matter_is_found_out() -> None:
    class Odd(nn.Linear):
        def forward(self, rows: Tensor) -> Tensor:
            return super().forward(rows) + torch.arange(len(rows))[:, None]

    network = make("moe_llava_phi")
    first = network.decoder.blocks[0]
    assert isinstance(first, Block)
    first.attention.query = Odd(32, 32)
    message = r"on cpu the layer decoder\.blocks\.0\.attention\.query in torch\.float32 gives"
    with pytest.raises(UsageError, match=message):
        make_deterministic(network)


def test_answers_stay_those_of_the_ordinary_numerics_in_float32(golden: Path) -> None:
    for name in ("phi", "phi_residual"):
        folder = golden / name
        request = Request("one", Prompt.user(Image(folder / "image.png"), "What is it?"))
        found = []
        for deterministic in (False, True):
            model = moe_llava.load(str(folder), device="cpu", deterministic=deterministic)
            found += list(model.generate([request], Decoding(max_new_tokens=8)))
            assert (model.describe().get("deterministic") == "true") is deterministic
        assert found[0] == found[1]
