"""Pictures, an answer without an end, and an engine's answers by question: for its tests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from lvlm_eval.models.moe_llava.engine.block import Block
from lvlm_eval.models.moe_llava.engine.engine import Engine
from lvlm_eval.models.moe_llava.engine.packed import step
from lvlm_eval.models.moe_llava.engine.pool import Pool
from lvlm_eval.models.moe_llava.engine.sequence import Finished, Question
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.schema import Decoding

# where the continuous engine looks up the forward that tests watch
STEP = "lvlm_eval.models.moe_llava.engine.continuous.step"


def pixels(seed: int) -> Tensor:
    return torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(seed))


def never(ids: Sequence[int], extra: Sequence[str]) -> bool:
    return False


def answers(
    engine: Engine, questions: Sequence[Question], decoding: Decoding
) -> dict[str, Finished]:
    finished = list(engine.run(questions, decoding))
    assert sorted(one.question_id for one in finished) == sorted(q.question_id for q in questions)
    return {one.question_id: one for one in finished}


def count_live(patched: pytest.MonkeyPatch) -> list[int]:
    """How many sequences each forward has had, from now on."""
    counts: list[int] = []

    def counted(
        network: Network, blocks: Sequence[Block], embeds: Tensor, pool: Pool | None
    ) -> Tensor:
        counts.append(sum(map(len, blocks)))
        return step(network, blocks, embeds, pool)

    patched.setattr(STEP, counted)
    return counts
