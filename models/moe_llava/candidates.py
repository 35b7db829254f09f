"""The logits of an answer's next token, computed apart from the engine: no cache, no company.

T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .decoder import Context
from .engine.sequence import Question
from .network import Network


@torch.inference_mode()
def next_logits(
    network: Network, question: Question, so_far: Sequence[int], max_length: int | None = None
) -> Tensor:
    """Logits (V,) in fp32 of what follows the prompt and the answer's tokens so far.

    One forward over all of them under argmax routing, in the network's own dtype. A prompt
    longer than max_length is cut from the right, as the engine cuts it.
    """
    pixels = [picture.pixels for picture in question.pictures]
    prompt = network.splice(
        [torch.tensor(question.token_ids, device=network.device)],
        torch.stack(pixels) if pixels else None,
        max_length=max_length,
    )
    embeds, length = prompt.embeds, torch.tensor([prompt.embeds.shape[1]], device=network.device)
    if so_far:
        answer = torch.tensor([list(so_far)], device=network.device)
        embeds = torch.cat((embeds, network.decoder.embed(answer)), dim=1)  # (1, T, D)
    positions = torch.arange(embeds.shape[1], device=network.device)[None]
    hidden, _ = network.decoder(embeds, Context(positions, prompt_lengths=length))
    logits: Tensor = network.decoder.logits(hidden[0, -1])  # (V,)
    return logits
