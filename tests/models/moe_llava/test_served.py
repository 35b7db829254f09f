"""What experts serve, counted by hand and against the tokens of an answer."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.moe import Routing
from lvlm_eval.models.moe_llava.served import Served
from lvlm_eval.schema import Decoding, Prompt, Request

from .test_moe import DECODER, layer_of

LOGITS = [[5.0, 4, 0], [5.0, 0, 4], [5.0, 4, 0], [4.0, 5, 0]]


def test_each_kept_choice_counts_until_the_counts_are_taken() -> None:
    layer, served = layer_of(eval_capacity_factor=0.75, min_capacity=0), Served()
    layer.router.weight.data = torch.eye(3, DECODER.width)
    tokens = torch.zeros(1, 4, DECODER.width)
    tokens[0, :, :3] = torch.tensor(LOGITS)
    served.watch(nn.ModuleList([layer]))
    layer(tokens[:, :2], Routing())  # chooses 0, 1 and 0, 2
    layer(tokens[:, 3:], Routing())  # chooses 1, 0
    assert served.take() == {0: [3, 2, 1]}
    assert served.take() == {}
    # two slots an expert: first choices 0, 0, (0), 1, second ones 1, 2, (1), (0)
    layer(tokens, Routing("capacity"))
    assert served.take() == {0: [2, 2, 1]}


def test_counting_changes_no_answer_and_counts_each_token_of_it(golden: Path) -> None:
    request = Request("none", Prompt.user("What is the meaning of the word?"))
    found = []
    for counts in (False, True):
        model = moe_llava.load(str(golden / "qwen"), device="cpu", routing_stats=counts)
        (answer,) = model.generate(iter([request]), Decoding(max_new_tokens=8))
        found.append((answer, model.describe(), model.take_served()))
    (plain, described, nothing), (counted, same, served) = found
    assert (plain, described, nothing) == (counted, same, {})
    tokens = len(model.chat.encode(request.prompt)) + counted.new_tokens - 1
    assert list(served) == [0, 2]
    assert sum(served[0]) == 2 * tokens
