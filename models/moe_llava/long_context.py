"""What a backbone does differently for prompts beyond the length that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# linear: positions are divided by the factor. dynamic: the rotary base grows with the sequence
# beyond the trained length (NTK, as Llama's class has it). doubling: it grows in steps, by the
# prompt's length alone (Qwen's first version).
RotaryScaling = Literal["none", "linear", "dynamic", "doubling"]


@dataclass(frozen=True, slots=True)
class LongContext:
    """Rotary positions beyond `trained` tokens, and the window of attention.

    log_queries: beyond `trained`, a query grows by the logarithm of its position to that base.
    window: how many keys a query sees, its own among them; None for all. full_layers: so many
    first layers have no window.
    """

    scaling: RotaryScaling = "none"
    factor: float = 1.0
    trained: int = 0
    log_queries: bool = False
    window: int | None = None
    full_layers: int = 0

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError(f"rope_scaling's factor must be at least 1, got {self.factor}")
        if self.trained < 2 and (self.log_queries or self.scaling in ("dynamic", "doubling")):
            raise ValueError(f"scaling needs the length trained on, got {self.trained}")
        if self.window is not None and self.window < 1:
            raise ValueError(f"a window of attention must hold a key, got {self.window}")


SHORT = LongContext()
