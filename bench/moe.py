"""The expert layer alone, over tokens and experts, in microseconds a call.

    python -m bench.moe               # --quick: few tokens, one round

Beside ours: one-hot dispatch as in DeepSpeed 0.9.5, each expert by itself over its sorted tokens,
`torch.nn.functional.grouped_mm` over the same, DeepSpeed's own layer where it is installed, and a
dense MLP of the size that is active, which has no choice to make: what a perfect layer would need.
Outputs are compared before anything is timed. Nothing is dropped anywhere.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.networks import EXPERTS, draw
from bench.onehot import one_hot_experts
from bench.peer_deepspeed import VERSION, deepspeed_layer
from bench.tables import table
from bench.timing import Turns, machine, take_turns
from lvlm_eval.models.moe_llava.config import MoEConfig
from lvlm_eval.models.moe_llava.layers import MLP, decoder_mlp
from lvlm_eval.models.moe_llava.moe import ARGMAX, MoELayer

TOKENS, QUICK = (1, 8, 64, 512, 4096), (1, 64)
KINDS = ((4, 1), (4, 2), (8, 1), (8, 2))  # experts, of which so many answer
OURS, ONE_HOT, EACH, GROUPED = "ours", "one-hot", "each expert", "grouped_mm"
DEEPSPEED, DENSE = f"DeepSpeed {VERSION}" if VERSION else "DeepSpeed", "dense"
_LARGEST = 10**8  # entries of one-hot's mask; it makes several of that size
_SECONDS = 0.01  # a turn is at least so long

Layer = Callable[[Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few tokens, one round")
    parser.add_argument("--seed", type=int, default=0)
    print(report(parser.parse_args()))


@torch.inference_mode()
def report(given: argparse.Namespace) -> str:
    """The whole section, in Markdown."""
    repeats = 1 if given.quick else given.repeats
    sizes = f"{EXPERTS.decoder.width} to {EXPERTS.decoder.mlp_width} and back, fp32"
    names = [OURS, ONE_HOT, EACH, GROUPED, DEEPSPEED, DENSE]
    header = ["microseconds a call", *names, f"{ONE_HOT} / ours", "ours / dense", "meanwhile"]
    rows = []
    for experts, top_k in KINDS:
        layer = made_layer(experts, top_k, given.seed)
        for tokens in QUICK if given.quick else TOKENS:
            turns, calls = measure(layer, tokens, repeats, given.seed)
            found = {name: turns.median(name) / calls[name] * 1e6 for name in turns.seconds}
            cells = [f"{found[name]:,.0f}" if name in found else "–" for name in names]
            slower = f"{found[ONE_HOT] / found[OURS]:.1f}" if ONE_HOT in found else "–"
            cells += [slower, f"{found[OURS] / found[DENSE]:.2f}", turns.machine]
            rows.append([f"{experts} experts, top-{top_k}, {tokens} tokens", *cells])
    missing = "" if VERSION else "DeepSpeed is not installed, so its own layer is not measured.\n"
    left_out = f"–: not measured; of one-hot, that its masks have more than {_LARGEST:.0e} entries."
    head = f"{machine()}. Experts of {sizes}; medians of {repeats}. {left_out} {missing}"
    return f"{head.strip()}\n\n{table(header, rows)}"


def made_layer(experts: int, top_k: int, seed: int) -> MoELayer:
    """A layer with random weights and so much capacity that nothing is dropped."""
    config = MoEConfig(
        (0,), (experts,), top_k, eval_capacity_factor=experts / top_k, min_capacity=0
    )
    layer = MoELayer(EXPERTS.decoder, config, 0)
    draw(layer, torch.Generator().manual_seed(seed))
    return layer.eval()


def measure(layer: MoELayer, tokens: int, repeats: int, seed: int) -> tuple[Turns, dict[str, int]]:
    """The turns, and how many calls each side made in one. RuntimeError for other outputs."""
    x = torch.randn(1, tokens, EXPERTS.decoder.width, generator=torch.Generator().manual_seed(seed))
    found, calls = sides(layer, tokens, seed), {}
    expected = found[OURS](x)
    for name, side in found.items():
        if name != DENSE and not torch.allclose(side(x), expected, atol=1e-4):
            raise RuntimeError(f"{name} gives another output than ours for {tokens} tokens")
        start = time.perf_counter()
        side(x)
        calls[name] = max(1, round(_SECONDS / (time.perf_counter() - start)))
    turns = take_turns(
        {n: partial(_again, side, x, calls[n]) for n, side in found.items()}, repeats
    )
    return turns, calls


def sides(layer: MoELayer, tokens: int, seed: int) -> Mapping[str, Layer]:
    """Every way to compute it that there is, by name; and the dense MLP."""
    experts, top_k = len(layer.experts), layer.router.config.top_k
    wide = replace(EXPERTS.decoder, mlp_width=top_k * EXPERTS.decoder.mlp_width)
    dense = decoder_mlp(wide)
    draw(dense, torch.Generator().manual_seed(seed))
    found: dict[str, Layer] = {OURS: lambda x: layer(x, ARGMAX)[0]}
    if tokens * tokens * experts <= _LARGEST:
        found[ONE_HOT] = partial(one_hot_experts, layer)
    found[EACH] = partial(each_expert, layer)
    found[GROUPED] = grouped(layer)
    if VERSION:
        found[DEEPSPEED] = deepspeed_layer(layer)
    return found | {DENSE: dense}


def _again(side: Layer, x: Tensor, calls: int) -> None:
    for _ in range(calls):
        side(x)


def each_expert(layer: MoELayer, x: Tensor) -> Tensor:
    """Each expert over the tokens that chose it."""
    tokens = x.flatten(0, -2)  # (N, D)
    order, ends, weights = _sorted(layer, tokens)
    out, start = torch.zeros_like(tokens), 0
    for expert, end in zip(layer.experts, ends.tolist(), strict=True):
        if end > start:
            chosen = order[start:end]
            rows = chosen // layer.router.config.top_k
            out.index_add_(0, rows, expert(tokens[rows]) * weights[chosen, None])
        start = end
    return out.view_as(x)


def grouped(layer: MoELayer) -> Layer:
    """Two grouped products over all experts' tokens at once. Weights are stacked beforehand."""
    mlps = [expert for expert in layer.experts if isinstance(expert, MLP)]
    ups = torch.stack([mlp.up.weight.t() for mlp in mlps])  # (E, D, W)
    downs = torch.stack([mlp.down.weight.t() for mlp in mlps])  # (E, W, D)
    up_bias = torch.stack([mlp.up.bias for mlp in mlps])
    down_bias = torch.stack([mlp.down.bias for mlp in mlps])
    activation = mlps[0].activation

    def run(x: Tensor) -> Tensor:
        tokens = x.flatten(0, -2)  # (N, D)
        order, ends, weights = _sorted(layer, tokens)
        ends = ends.to(torch.int32)
        rows = order // layer.router.config.top_k
        places = torch.arange(len(order), device=x.device)
        expert = torch.bucketize(places, ends, right=True)  # (N * k,)
        hidden = activation(F.grouped_mm(tokens[rows], ups, offs=ends) + up_bias[expert])
        parts = F.grouped_mm(hidden, downs, offs=ends) + down_bias[expert]
        out = torch.zeros_like(tokens).index_add_(0, rows, parts * weights[order, None])
        return out.view_as(x)

    return run


def _sorted(layer: MoELayer, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Choices (N * k,) by expert, where each expert's end (E,), and the weights (N * k,)."""
    stats = layer.router(tokens, ARGMAX)
    flat = stats.choices.flatten()
    ends = flat.bincount(minlength=len(layer.experts)).cumsum(dim=0)
    return flat.argsort(stable=True), ends, stats.weights.flatten()


if __name__ == "__main__":
    main()
