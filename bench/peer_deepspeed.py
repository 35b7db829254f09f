"""DeepSpeed's own MoE layer with our layer's weights, where DeepSpeed is installed.

One process, no expert parallelism, so no process group. Its later versions no longer dispatch by
one-hot masks: it says less about the original, which pins 0.9.5, than about DeepSpeed today.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from torch import Tensor

from lvlm_eval.models.moe_llava.moe import MoELayer

try:
    VERSION = version("deepspeed") if find_spec("deepspeed") else ""
except PackageNotFoundError:
    VERSION = ""


def deepspeed_layer(layer: MoELayer) -> Callable[[Tensor], Tensor]:
    """The layer as deepspeed.moe computes it, the second expert without noise."""
    from deepspeed.moe.experts import Experts
    from deepspeed.moe.sharded_moe import MOELayer, TopKGate

    config, count = layer.router.config, len(layer.experts)
    gate = TopKGate(
        layer.router.weight.shape[1],
        count,
        config.top_k,
        eval_capacity_factor=config.eval_capacity_factor,
        min_capacity=config.min_capacity,
        use_rts=False,
        top2_2nd_expert_sampling=False,
    )
    gate.wg.weight.data.copy_(layer.router.weight.data)
    experts = Experts(layer.experts[0], count)
    for theirs, own in zip(experts.deepspeed_experts, layer.experts, strict=True):
        theirs.load_state_dict(own.state_dict())
    moe = MOELayer(gate, experts, None, 1, count).eval()

    def run(x: Tensor) -> Tensor:
        out: Tensor = moe(x, None)
        return out

    return run
