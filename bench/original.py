"""MoE-LLaVA's own way to answer: one question at a time, its image anew each time.

Written from the modules' weights, not with their forward: the tower to its last layer, experts by
one-hot dispatch, logits of every prompt position, keys and values of the past joined by `cat`.
In one thing it is better than the original: attention is torch's fused kernel.
T tokens, S with the past, D width, H heads, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.networks import Pair
from bench.onehot import one_hot_experts
from lvlm_eval.models.moe_llava.attention import Attention
from lvlm_eval.models.moe_llava.config import DecoderConfig
from lvlm_eval.models.moe_llava.decoder import Block
from lvlm_eval.models.moe_llava.engine.sequence import Question
from lvlm_eval.models.moe_llava.moe import MoELayer
from lvlm_eval.models.moe_llava.network import Network

Layer = tuple[Tensor, Tensor]  # keys and values (1, H, S, d)
Past = list[Layer]  # of each layer


@torch.inference_mode()
def answer(pair: Pair, question: Question, new_tokens: int) -> tuple[int, ...]:
    """So many greedy ids."""
    pixels = torch.stack([picture.pixels for picture in question.pictures])
    prompt = pair.network.join([torch.tensor(question.token_ids)], image_features(pair, pixels))
    return greedy(pair.network, prompt.embeds, new_tokens)


def greedy(network: Network, embeds: Tensor, new_tokens: int) -> tuple[int, ...]:
    """So many ids after a prompt's vectors (1, T, D)."""
    ids, past = list[int](), Past()
    for _ in range(new_tokens):
        logits, past = forward(network, embeds, past)
        ids.append(int(logits[0, -1].argmax()))
        embeds = network.decoder.embedding(torch.tensor([ids[-1:]]))
    return tuple(ids)


def image_features(pair: Pair, pixels: Tensor) -> Tensor:
    """(I, P, D) for (I, 3, size, size), after all layers of the tower have run."""
    tower, kept = pair.whole.vision, list[Tensor]()
    assert tower is not None and pair.whole.projector is not None
    hook = tower.blocks[-2].register_forward_hook(lambda _, __, out: kept.append(out))
    tower(pixels)
    hook.remove()
    features: Tensor = pair.whole.projector(kept[0][:, 1:])
    return features


def forward(network: Network, embeds: Tensor, past: Past) -> tuple[Tensor, Past]:
    """Logits (1, T, V) of vectors (1, T, D) after the past, and the past with them."""
    decoder = network.decoder
    start = past[0][0].shape[2] if past else 0
    turns = _angles(decoder.config, torch.arange(start, start + embeds.shape[1]))
    x, seen = embeds, Past()
    for layer, block in enumerate(decoder.blocks):
        assert isinstance(block, Block)
        normed = block.attention_norm(x)
        mixed, pair = _attend(block.attention, normed, turns, past[layer] if past else None)
        seen.append(pair)
        if block.mlp_norm is None:
            x = x + mixed + _mlp(block, normed)
        else:
            x = x + mixed
            x = x + _mlp(block, block.mlp_norm(x))
    logits: Tensor = F.linear(
        decoder.norm(x), (decoder.head or decoder.embedding).weight
    )  # (1, T, V)
    return logits.float(), seen


def _mlp(block: Block, x: Tensor) -> Tensor:
    if isinstance(block.mlp, MoELayer):
        return one_hot_experts(block.mlp, x)
    out: Tensor = block.mlp(x)
    return out


def _attend(
    attention: Attention, x: Tensor, turns: tuple[Tensor, Tensor], past: Layer | None
) -> tuple[Tensor, Layer]:
    """(1, T, D), and keys and values with those of the past in front."""
    parts = (attention.query(x), attention.key(x), attention.value(x))
    queries, keys, values = (
        part.unflatten(-1, (-1, attention.head_width)).transpose(1, 2) for part in parts
    )
    queries, keys = _turn(queries, turns), _turn(keys, turns)
    if past is not None:
        keys, values = torch.cat((past[0], keys), dim=2), torch.cat((past[1], values), dim=2)
    mixed = F.scaled_dot_product_attention(
        queries, keys, values, is_causal=past is None, enable_gqa=keys.shape[1] != queries.shape[1]
    )
    out: Tensor = attention.out(mixed.transpose(1, 2).flatten(2))
    return out, (keys, values)


def _angles(config: DecoderConfig, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, R) of the rotated channels."""
    channels = torch.arange(0, config.rotary_width, 2).float()
    frequencies = config.rotary_base ** -(channels / config.rotary_width)
    angles = torch.outer(positions.float(), frequencies).repeat(1, 2)
    return angles.cos(), angles.sin()


def _turn(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    cosines, sines = turns
    width = cosines.shape[-1]
    turned, rest = x[..., :width], x[..., width:]
    left, right = turned[..., : width // 2], turned[..., width // 2 :]
    turned = turned * cosines + torch.cat((-right, left), dim=-1) * sines
    return torch.cat((turned, rest), dim=-1)
