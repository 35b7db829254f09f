"""The two phases of generation as free functions: prompts at once, then a token at a time.

B sequences, T prompt positions (padding on the left), S positions so far, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..attention import additive_mask
from ..decoder import Context
from ..moe import Routing, RoutingKind
from ..network import Network
from ..splice import Spliced
from .kv_cache import KVCache

Noise = Mapping[int, Tensor] | None  # MoE layer to (B * T, E), see moe.Routing


@dataclass(frozen=True, slots=True)
class State:
    """Where a batch stands: its cache, which cached positions (B, S) are real, the position (B,)
    of each sequence's next token, and the length (B,) of its prompt."""

    cache: KVCache
    valid: Tensor
    next_positions: Tensor
    prompt_lengths: Tensor


def prefill(
    network: Network, prompts: Spliced, routing: RoutingKind, noise: Noise = None
) -> tuple[Tensor, State]:
    """Logits (B, V) of each prompt's next token. Padding must be on the left."""
    cache = KVCache(network.decoder.config.layers)
    everything = bool(prompts.valid.all())
    length = prompts.embeds.shape[1]
    mask = None if everything else _mask(network, prompts.valid, length)
    lengths = prompts.valid.sum(dim=1)  # (B,)
    context = Context(prompts.positions, mask, cache, Routing(routing, noise), lengths)
    hidden, _ = network.decoder(prompts.embeds, context)  # (B, T, D)
    state = State(cache, prompts.valid, lengths, lengths)
    return network.decoder.logits(hidden[:, -1]), state


def decode(
    network: Network, token_ids: Tensor, state: State, routing: RoutingKind, noise: Noise = None
) -> tuple[Tensor, State]:
    """Logits (B, V) after one more token (B,) of each sequence; extends the state's cache."""
    valid = torch.cat((state.valid, torch.ones_like(state.valid[:, :1])), dim=1)  # (B, S + 1)
    mask = _mask(network, valid, 1)  # (B, 1, 1, S + 1)
    positions, lengths = state.next_positions, state.prompt_lengths
    how = Routing(routing, noise)
    context = Context(positions[:, None], mask, state.cache, how, lengths)
    hidden, _ = network.decoder(network.decoder.embed(token_ids[:, None]), context)
    state = State(state.cache, valid, positions + 1, lengths)
    return network.decoder.logits(hidden[:, -1]), state


def _mask(network: Network, valid: Tensor, new_tokens: int) -> Tensor:
    return additive_mask(valid, new_tokens, network.dtype, network.decoder.config.blocked)


def keep(state: State, rows: Tensor) -> State:
    """The state of the sequences with these indices (B',) alone."""
    state.cache.keep(rows)
    return State(
        state.cache, state.valid[rows], state.next_positions[rows], state.prompt_lengths[rows]
    )
