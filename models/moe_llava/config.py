"""What a network is made of, as checked values: no tensors, no files.

`config_file.py` reads them from a checkpoint's JSON; `build.py` makes modules of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Literal

from .long_context import SHORT, LongContext

NormKind = Literal["layer", "rms"]
Activation = Literal["gelu", "gelu_tanh", "quick_gelu", "silu"]
# What the original adds to the scores of future keys, beside the dtype's minimum for padding:
# that minimum, but once where both apply; the minimum; -inf; fp16's minimum. It decides what a
# row attends to that sees nothing but padding, and nothing else.
Blocked = Literal["once", "twice", "infinite", "half"]
SelectFeature = Literal["patch", "cls_patch"]
# Attention heads of what may stand inside a projector, and groups of its norms: always 32.
BRIDGE_HEADS = 32


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """A ViT of the CLIP kind, run up to the layer whose output is used.

    select_layer: index into (embeddings, layer 1, ..., layer L); -2 is all but the last layer.
    class_token, patch_bias: CLIP has the one, SigLIP the other.
    """

    width: int
    mlp_width: int
    layers: int
    heads: int
    image_size: int
    patch_size: int
    activation: Activation = "quick_gelu"
    norm_eps: float = 1e-5
    class_token: bool = True
    patch_bias: bool = False
    select_layer: int = -2
    select_feature: SelectFeature = "patch"

    def __post_init__(self) -> None:
        _positive("vision width, layers, heads", self.width, self.layers, self.heads)
        _divides("vision heads", self.heads, "width", self.width)
        if self.image_size < self.patch_size or self.patch_size < 1:
            raise ValueError(f"patches of {self.patch_size} do not fit images of {self.image_size}")
        if not -self.layers - 1 <= self.select_layer <= self.layers:
            raise ValueError(f"a tower of {self.layers} layers has no layer {self.select_layer}")

    @property
    def used_layers(self) -> int:
        """How many encoder layers must run; the ones above are never built."""
        return self.select_layer % (self.layers + 1)

    @property
    def positions(self) -> int:
        """Rows of the position table: patches, and the class token where there is one."""
        return (self.image_size // self.patch_size) ** 2 + self.class_token

    @property
    def features(self) -> int:
        """P, the vectors an image becomes.

        "patch" drops row 0 whatever it is: without a class token (SigLIP) a real patch is
        lost. The original trains and answers so; it is kept on purpose.
        """
        return self.positions - (self.select_feature == "patch")


@dataclass(frozen=True, slots=True)
class GridConfig:
    """The square grid of patches pooled to half its side, then convolutions and ViT blocks.

    before, after: how often they run, with the same weights each time, before and after a 3x3
    convolution that takes the rim off the grid; where none run after it, it is not there.
    """

    before: int
    after: int
    width: int
    mlp_width: int

    def __post_init__(self) -> None:
        _divides("attention heads and norm groups", BRIDGE_HEADS, "bridge width", self.width)


@dataclass(frozen=True, slots=True)
class QFormerConfig:
    """BLIP-2's Q-Former: learned queries that look at the features in every layer."""

    layers: int
    queries: int
    width: int
    mlp_width: int

    def __post_init__(self) -> None:
        _positive("Q-Former layers and queries", self.layers, self.queries)
        _divides("attention heads", BRIDGE_HEADS, "bridge width", self.width)


@dataclass(frozen=True, slots=True)
class ProjectorConfig:
    """Linear layers from the tower's width to the decoder's, with GELU between them.

    depth: how many; 0 is the identity. pool: 2x2 patches become their mean before them.
    bridge: stands between two such stacks, `depth` layers to its width and two on from there.
    """

    depth: int
    in_width: int
    out_width: int
    pool: bool = False
    bridge: GridConfig | QFormerConfig | None = None

    def __post_init__(self) -> None:
        _positive("projector widths", self.in_width, self.out_width)
        if self.depth == 0 and self.in_width != self.out_width:
            raise ValueError(
                f"an identity projector needs equal widths, got {self.in_width}, {self.out_width}"
            )

    def features(self, given: int) -> int:
        """How many vectors an image has after the projector that had `given` before it.

        ValueError where it works on a square grid and `given` is none.
        """
        if isinstance(self.bridge, QFormerConfig):
            return self.bridge.queries
        if not self.pool and self.bridge is None:
            return given
        side = isqrt(given)
        if side * side != given:
            raise ValueError(
                f"the projector pools a square grid, but the tower gives {given} vectors an image; "
                "CLIP gives a grid with select_feature=patch, SigLIP with select_feature=cls_patch"
            )
        left = side // 2 - (2 if self.bridge and self.bridge.after else 0)
        if left < 1:
            raise ValueError(f"nothing is left of a grid of {side} x {side} after the projector")
        return left * left


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """A causal decoder; a backbone is a value of this, never a class (`backbones.py`).

    head_size:    channels of a head where they are not width / heads: a rank of a shared model
                  has some of its heads only.
    rotary_width: how many of a head's channels are rotated, the first ones.
    long:         what changes beyond the length that it was trained on.
    parallel:     attention and MLP read the same normalised input; else one after the other.
    gated:        MLP is down(act(gate(x)) * up(x)); else down(act(up(x))).
    tied:         the head is the embedding's table.
    embedding_scale: factor of the vectors that the language model looks up by itself.
    residual_scale, logit_divisor: of each branch before it is added; of what enters the head.
    """

    vocab_size: int
    width: int
    mlp_width: int
    layers: int
    heads: int
    kv_heads: int
    rotary_width: int
    rotary_base: float = 10000.0
    norm: NormKind = "layer"
    norm_eps: float = 1e-5
    parallel: bool = True
    gated: bool = False
    activation: Activation = "gelu_tanh"
    qkv_bias: bool = True
    out_bias: bool = True
    mlp_bias: bool = True
    blocked: Blocked = "once"
    tied: bool = False
    embedding_scale: float = 1.0
    residual_scale: float = 1.0
    logit_divisor: float = 1.0
    long: LongContext = SHORT
    head_size: int | None = None

    def __post_init__(self) -> None:
        sizes = (self.vocab_size, self.width, self.mlp_width, self.layers, self.heads)
        _positive("decoder sizes", *sizes, self.kv_heads)
        if self.head_size is None:
            _divides("heads", self.heads, "width", self.width)
        _divides("key and value heads", self.kv_heads, "heads", self.heads)
        if self.rotary_width % 2 or not 0 < self.rotary_width <= self.head_width:
            raise ValueError(
                f"rotary width must be even and in 2..{self.head_width}, got {self.rotary_width}"
            )
        if self.rotary_width == 2 and self.long.scaling in ("dynamic", "doubling"):
            raise ValueError("a rotary base that grows needs a rotary width above 2")

    @property
    def head_width(self) -> int:
        return self.head_size or self.width // self.heads


@dataclass(frozen=True, slots=True)
class MoEConfig:
    """Which decoder layers have experts, how many, and how tokens are routed.

    experts: one count for each entry of `layers`.
    residual: the layer's dense MLP stays beside the experts, mixed in by a learned share.
    capacity_factor, eval_capacity_factor, min_capacity: read by capacity routing alone.
    """

    layers: tuple[int, ...]
    experts: tuple[int, ...]
    top_k: int = 2
    capacity_factor: float = 1.0
    eval_capacity_factor: float = 1.0
    min_capacity: int = 4
    residual: bool = False
    aux_loss_coef: float = 0.01

    def __post_init__(self) -> None:
        if len(self.layers) != len(self.experts):
            raise ValueError(
                f"moe_layers_idx names {len(self.layers)} layers, but num_experts has "
                f"{len(self.experts)} counts; one for each, or one for all"
            )
        if len(set(self.layers)) != len(self.layers):
            raise ValueError(f"a layer is named twice in moe_layers_idx {list(self.layers)}")
        if self.top_k not in (1, 2):
            raise ValueError(f"top_k must be 1 or 2, got {self.top_k}")
        if any(count < self.top_k for count in self.experts):
            raise ValueError(f"top-{self.top_k} routing with expert counts {list(self.experts)}")

    def experts_of(self, layer: int) -> int:
        """How many experts the decoder layer has; 0 for a dense one."""
        return self.experts[self.layers.index(layer)] if layer in self.layers else 0


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The whole: tower and projector (both or neither), decoder, experts (or none)."""

    decoder: DecoderConfig
    vision: VisionConfig | None = None
    projector: ProjectorConfig | None = None
    moe: MoEConfig | None = None

    def __post_init__(self) -> None:
        if (self.vision is None) != (self.projector is None):
            raise ValueError("a tower needs a projector and a projector a tower")
        if self.vision and self.projector and self.vision.width != self.projector.in_width:
            raise ValueError(
                f"the tower gives vectors of {self.vision.width}, "
                f"the projector takes {self.projector.in_width}"
            )
        if self.projector and self.projector.out_width != self.decoder.width:
            raise ValueError(
                f"the projector gives vectors of {self.projector.out_width}, "
                f"the decoder takes {self.decoder.width}"
            )
        if self.vision and self.projector:
            self.projector.features(self.vision.features)  # refuses what is no grid
        outside = (
            [n for n in self.moe.layers if not 0 <= n < self.decoder.layers] if self.moe else []
        )
        if outside:
            raise ValueError(f"MoE layers {outside} of a decoder of {self.decoder.layers} layers")


def _positive(what: str, *values: int) -> None:
    if any(value < 1 for value in values):
        raise ValueError(f"{what} must be at least 1, got {list(values)}")


def _divides(what: str, divisor: int, of: str, value: int) -> None:
    if value % divisor:
        raise ValueError(f"{what} {divisor} must divide {of} {value}")
