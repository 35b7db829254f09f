"""Whether two sides gave the same tokens. Where not, it must have been a near-tie."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.peers import Answers
from lvlm_eval.models.moe_llava.engine.sequence import Question
from lvlm_eval.models.moe_llava.network import Network

# Two fp32 computations of one logit, of a deviation of about 1, may be so far apart.
NEAR = 1e-3


def flips(network: Network, questions: list[Question], ours: Answers, theirs: Answers) -> int:
    """How many of their answers part from ours at a near-tie.

    RuntimeError for one that parts anywhere else: then the two did not compute the same.
    """
    count = 0
    for question in questions:
        name = question.question_id
        if name not in theirs or theirs[name] == ours[name]:
            continue
        margin = _margin(network, question, ours[name], theirs[name])
        if margin > NEAR:
            raise RuntimeError(f"{name}: {theirs[name]} is not {ours[name]}, no near-tie: {margin}")
        count += 1
    return count


@torch.inference_mode()
def _margin(
    network: Network, question: Question, one: tuple[int, ...], other: tuple[int, ...]
) -> float:
    """How far apart the logits of the first two tokens that differ are, in one plain forward."""
    place = next(n for n, pair in enumerate(zip(one, other, strict=True)) if len(set(pair)) == 2)
    ids = torch.tensor((*question.token_ids, *one[:place]))
    pixels = torch.stack([picture.pixels for picture in question.pictures])
    logits: Tensor = network(network.splice([ids], pixels).embeds).logits[0, -1]
    return abs(float(logits[one[place]] - logits[other[place]]))
