"""The causal decoder: one forward for all backbones, a layer's MLP dense or experts by config.

    parallel (phi):          y = x + attention(n(x)) + mlp(n(x))
    one after the other:     h = x + attention(n1(x));  y = h + mlp(n2(h))

B sequences, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .attention import Attention, KeyValues, rotary_table
from .config import DecoderConfig, MoEConfig
from .layers import decoder_mlp, make_norm
from .moe import ARGMAX, MoELayer, RouterStats, Routing


@dataclass(frozen=True, slots=True)
class Context:
    """What all layers of one forward share.

    positions (B, T); mask (B, 1, T, S) to be added to scores, None for plain causal attention.
    """

    positions: Tensor
    mask: Tensor | None = None
    cache: KeyValues | None = None
    routing: Routing = ARGMAX


class Block(nn.Module):
    """One decoder layer."""

    def __init__(self, config: DecoderConfig, moe: MoEConfig | None, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.attention_norm = make_norm(config.norm, config.width, config.norm_eps)
        self.attention = Attention(config)
        self.mlp_norm = (
            None if config.parallel else make_norm(config.norm, config.width, config.norm_eps)
        )
        has_experts = moe is not None and layer in moe.layers
        self.mlp = MoELayer(config, moe, layer) if moe and has_experts else decoder_mlp(config)

    def forward(
        self, x: Tensor, rotary: tuple[Tensor, Tensor], context: Context
    ) -> tuple[Tensor, RouterStats | None]:
        """(B, T, D) to (B, T, D), and the router's decisions where there are experts."""
        normed: Tensor = self.attention_norm(x)
        attended: Tensor = self.attention(normed, rotary, context.mask, context.cache, self.layer)
        if self.mlp_norm is None:
            out, stats = self._mlp(normed, context.routing)
            return x + attended + out, stats
        x = x + attended
        out, stats = self._mlp(self.mlp_norm(x), context.routing)
        return x + out, stats

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
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)

    def forward(self, embeds: Tensor, context: Context) -> tuple[Tensor, list[RouterStats]]:
        """Normalised hidden states (B, T, D) and one RouterStats for each MoE layer, in order."""
        rotary = rotary_table(context.positions, self.config.rotary_width, self.config.rotary_base)
        hidden, all_stats = embeds, []
        for block in self.blocks:
            hidden, stats = block(hidden, rotary, context)
            if stats is not None:
                all_stats.append(stats)
        normed: Tensor = self.norm(hidden)
        return normed, all_stats

    def moe_layers(self) -> dict[int, int]:
        """Layers with experts, in order, to how many they have."""
        return dict(sorted(zip(self.moe.layers, self.moe.experts, strict=True))) if self.moe else {}

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., D) to (..., V) in fp32."""
        scores: Tensor = self.head(hidden)
        return scores.float()
