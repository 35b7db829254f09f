"""The causal decoder: one forward for all backbones, a layer's MLP dense or experts by config.

    parallel (phi):          y = x + s attention(n(x)) + s mlp(n(x))
    one after the other:     h = x + s attention(n1(x));  y = h + s mlp(n2(h))

s is 1 in all backbones but MiniCPM.
B sequences, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor, nn

from .attention import Attention, Memory, windowed
from .config import DecoderConfig, MoEConfig
from .layers import decoder_mlp, make_norm
from .moe import ARGMAX, MoELayer, RouterStats, Routing
from .rotary import Rotation, rotation


@dataclass(frozen=True, slots=True)
class Context:
    """What all layers of one forward share.

    positions (B, T); mask (B, 1, T, S) to be added to scores, None for plain causal attention.
    prompt_lengths (B,): tokens of the prompts, where they are more than these positions tell.
    """

    positions: Tensor
    mask: Tensor | None = None
    memory: Memory | None = None
    routing: Routing = ARGMAX
    prompt_lengths: Tensor | None = None


class Block(nn.Module):
    """One decoder layer."""

    def __init__(self, config: DecoderConfig, moe: MoEConfig | None, layer: int) -> None:
        super().__init__()
        self.layer, self.scale = layer, config.residual_scale
        self.attention_norm = make_norm(config.norm, config.width, config.norm_eps)
        self.attention = Attention(config)
        self.mlp_norm = (
            None if config.parallel else make_norm(config.norm, config.width, config.norm_eps)
        )
        has_experts = moe is not None and layer in moe.layers
        self.mlp = MoELayer(config, moe, layer) if moe and has_experts else decoder_mlp(config)

    def forward(
        self, x: Tensor, rotary: Rotation, context: Context, wanted: Tensor | None = None
    ) -> tuple[Tensor, RouterStats | None]:
        """(B, T, D) to (B, T, D), and the router's decisions where there are experts.

        wanted (T',): the places whose output is needed, all if None: (B, T', D) then.
        """
        normed: Tensor = self.attention_norm(x)
        attended: Tensor = self.attention(
            normed, rotary, context.mask, context.memory, self.layer, wanted
        )
        if wanted is not None:
            x, normed = x[:, wanted], normed[:, wanted]
        if self.mlp_norm is None:
            out, stats = self._mlp(normed, context.routing)
            return self._add(self._add(x, attended), out), stats
        x = self._add(x, attended)
        out, stats = self._mlp(self.mlp_norm(x), context.routing)
        return self._add(x, out), stats

    def remember(self, x: Tensor, rotary: Rotation, memory: Memory) -> None:
        """Adds the keys and values of x (B, T, D) and computes nothing else."""
        normed: Tensor = self.attention_norm(x)
        memory.add(self.layer, *self.attention.keys_and_values(normed, rotary))

    def _add(self, x: Tensor, branch: Tensor) -> Tensor:
        return x + (branch if self.scale == 1 else branch * self.scale)

    def _mlp(self, x: Tensor, routing: Routing) -> tuple[Tensor, RouterStats | None]:
        if isinstance(self.mlp, MoELayer):
            routed: tuple[Tensor, RouterStats] = self.mlp(x, routing)
            return routed
        out: Tensor = self.mlp(x)
        return out, None


class Decoder(nn.Module):
    """Embedding, blocks, final norm and head; the caller embeds, for images have no token."""

    def __init__(self, config: DecoderConfig, moe: MoEConfig | None) -> None:
        super().__init__()
        self.config, self.moe = config, moe
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.ModuleList(Block(config, moe, n) for n in range(config.layers))
        self.norm = make_norm(config.norm, config.width, config.norm_eps)
        self.head = None if config.tied else nn.Linear(config.width, config.vocab_size, bias=False)

    def forward(self, embeds: Tensor, context: Context) -> tuple[Tensor, list[RouterStats]]:
        """Normalised hidden states (B, T, D) and one RouterStats for each MoE layer, in order."""
        lengths = context.prompt_lengths
        if lengths is None:
            lengths = context.positions.amax(dim=1) + 1  # (B,)
        rotary = rotation(context.positions, self.config, lengths).to(embeds.dtype)
        hidden, all_stats, near = embeds, [], self._near(embeds, context)
        for layer, block in enumerate(self.blocks):
            seen = near if layer >= self.config.long.full_layers else context
            hidden, stats = block(hidden, rotary, seen)
            if stats is not None:
                all_stats.append(stats)
        normed: Tensor = self.norm(hidden)
        return normed, all_stats

    def remember(self, embeds: Tensor, rotary: Rotation, context: Context) -> None:
        """Adds keys and values of all layers to the memory; no output, so less is computed."""
        assert context.memory is not None
        *blocks, last = self.blocks
        for block in blocks:
            embeds, _ = block(embeds, rotary, context)
        assert isinstance(last, Block)
        last.remember(embeds, rotary, context.memory)

    def wanted(
        self, embeds: Tensor, rotary: Rotation, context: Context, wanted: Tensor | None
    ) -> Tensor:
        """Normalised hidden states (B, T', D) of the wanted places (T',), of all if None.

        The memory knows of windows. What the last layer would compute for other places is not.
        """
        *blocks, last = self.blocks
        for block in blocks:
            embeds, _ = block(embeds, rotary, context)
        hidden, _ = last(embeds, rotary, context, wanted)
        normed: Tensor = self.norm(hidden)
        return normed

    def _near(self, embeds: Tensor, context: Context) -> Context:
        """The context of layers with a window, which differs where there are so many keys."""
        window = self.config.long.window
        keys = embeds.shape[1] if context.mask is None else context.mask.shape[-1]
        if window is None or keys <= window:
            return context
        return replace(context, mask=windowed(context.mask, embeds, window))

    def embed(self, token_ids: Tensor) -> Tensor:
        """(..., D) for ids (...) that the language model looks up by itself: scaled in MiniCPM.

        That is so in a prompt without a picture, and for each new token while decoding. Prompts
        with pictures are put together outside the language model, and nothing there is scaled
        (`splice.py`); the original does so, too.
        """
        vectors: Tensor = self.embedding(token_ids)
        scale = self.config.embedding_scale
        return vectors if scale == 1 else vectors * scale

    def moe_layers(self) -> dict[int, int]:
        """Layers with experts, in order, to how many they have."""
        return dict(sorted(zip(self.moe.layers, self.moe.experts, strict=True))) if self.moe else {}

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., D) to (..., V) in fp32."""
        if self.config.logit_divisor != 1:
            hidden = hidden / self.config.logit_divisor
        if self.head is None:
            return F.linear(hidden, self.embedding.weight).float()
        scores: Tensor = self.head(hidden)
        return scores.float()
