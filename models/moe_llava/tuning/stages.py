"""MoE-tuning in three stages, as data: what trains, on what kind of text, how fast.

Lin et al. 2024 (arXiv 2401.15947), section 3.3 and the original's training scripts. What the
scripts really train in stage 3 is more than the paper says: it says the experts alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .train import Plan

_PROJECTOR = r"projector\..*"
_DECODER = r"decoder\..*"
_MLPS = r"decoder\.blocks\.\d+\.mlp\..*"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `trains` holds patterns of parameter names; nothing else moves.

    batch: conversations a step, over all devices.
    """

    name: str
    trains: tuple[str, ...]
    template: Literal["plain", "chat"]
    rate: float
    batch: int

    def trainable(self, name: str) -> bool:
        """Whether the parameter trains in this stage."""
        return any(re.fullmatch(pattern, name) for pattern in self.trains)

    def plan(self, steps: int) -> Plan:
        """So many steps at this stage's rate; warm-up and decay as in the original."""
        return Plan(steps, self.rate)


# On 558,000 captions: the projector learns to speak the decoder's language.
ALIGN = Stage("align", (_PROJECTOR,), "plain", rate=1e-3, batch=256)
# On about a million instructions: decoder and projector, still dense.
INSTRUCT = Stage("instruct", (_DECODER, _PROJECTOR), "chat", rate=2e-5, batch=128)
# On LLaVA-1.5's mix, after `upcycle`: experts and routers, and with them what the original's
# name filter lets through, namely the MLPs of the dense layers and the projector.
SPECIALISE = Stage("specialise", (_MLPS, _PROJECTOR), "chat", rate=2e-5, batch=128)
