"""Quantised layers against rounding by hand; what shrinks, what stays, what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.models.moe_llava.build import build_empty, build_random
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.memory import bytes_needed
from lvlm_eval.models.moe_llava.moe import MoELayer, Routing
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.quant import (
    INT4_GROUP,
    choose_quant,
    is_quantised,
    itemsize,
    quantiser,
    weight_bytes,
)

ROOT = Path(__file__).parents[3]
MakeNetwork = Callable[[NetworkConfig], Network]
needs_torchao = pytest.mark.skipif(
    find_spec("torchao") is None, reason="torchao, the extra `quant`, is not installed"
)
NAME = "decoder.blocks.0.mlp.up"  # of a module that shrinks


def rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest of 256 levels a row, and the width of a step (rows, 1), computed by hand.

    torchao makes no step narrower than fp32's epsilon: rows below 1.5e-5 are coarser than others.
    """
    step = weight.abs().amax(dim=1, keepdim=True) / 127.5
    step = step.clamp(min=torch.finfo(torch.float32).eps)
    levels = (weight / step).round().clamp(-128, 127)
    return levels * step, step


def turned(weight: Tensor) -> Tensor:
    """The weight with each row's largest value positive: the largest negative one lies half-way
    between two levels, where the last bit of a quotient decides."""
    largest = weight.gather(1, weight.abs().argmax(dim=1, keepdim=True))
    return weight * largest.sign()


def linear(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data = weight.clone()
    if bias is not None:
        layer.bias.data = bias.clone()
    return layer.eval()


def quantised(network: Network) -> Network:
    shrink = quantiser("int8")
    for name, module in network.named_modules():
        shrink(name, module)
    return network


def shrunk(layer: nn.Linear) -> nn.Linear:
    quantiser("int8")(NAME, layer)
    return layer


@needs_torchao
def test_a_row_is_rounded_to_steps_of_its_own_size() -> None:
    # step 1 exactly: levels are the weights; the second row is a thousand times smaller
    weight = torch.tensor([[127.5, -3.0, 2.2, 0.6], [0.0255, -0.01275, 0.00011, 0.0]])
    layer = shrunk(linear(weight, torch.tensor([0.5, -0.25])))
    expected = torch.tensor([[127.0, -3.0, 2.0, 1.0], [0.0254, -0.0128, 0.0002, 0.0]])
    inputs = torch.tensor([[1.0, 10.0, 100.0, 1000.0]])
    with torch.inference_mode():
        # 127 - 30 + 200 + 1000 + 0.5 and 0.0254 - 0.128 + 0.02 + 0 - 0.25
        torch.testing.assert_close(layer(inputs), torch.tensor([[1297.5, -0.3326]]))
        torch.testing.assert_close(layer(torch.eye(4)).t() - layer.bias[:, None], expected)


@needs_torchao
@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(2, 70),
    scale=st.sampled_from([1e-4, 0.02, 3.0]),
    seed=st.integers(0, 99),
)
@example(rows=7, columns=2, scale=1e-4, seed=4)  # a row of nothing but tiny weights
def test_any_width_equals_the_weights_rounded_by_hand(
    rows: int, columns: int, scale: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=generator) * scale
    weight[0, 0] = 8 * scale  # one row is much coarser than the others
    weight = turned(weight)
    inputs = torch.randn(5, columns, generator=generator)
    plain, step = rounded(weight)
    assert ((plain - weight).abs() <= step * 0.5001).all()
    with torch.inference_mode():
        got = shrunk(linear(weight))(inputs)
    torch.testing.assert_close(got, inputs @ plain.t(), atol=1e-5 * scale * columns, rtol=1e-5)
    bound = inputs.abs().sum(dim=1, keepdim=True) * step.t() * 0.501  # (5, rows)
    assert ((got - inputs @ weight.t()).abs() <= bound + 1e-6 * scale * columns).all()


@needs_torchao
def test_large_weights_are_rounded_in_blocks_to_torchaos_own_bits() -> None:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    weight = torch.randn(700, 1024, generator=torch.Generator().manual_seed(2)).bfloat16()
    theirs, ours = linear(weight), linear(weight)  # 700 rows: five blocks of 128 and a rest
    quantize_(theirs, Int8WeightOnlyConfig(set_inductor_config=False))
    ours = shrunk(ours)
    for leaf in ("qdata", "scale", "zero_point", "block_size", "dtype"):
        expected, got = (getattr(layer.weight, leaf) for layer in (theirs, ours))
        assert torch.equal(expected, got) if isinstance(got, Tensor) else expected == got, leaf
    inputs = torch.randn(3, 1024).bfloat16()
    with torch.inference_mode():
        assert torch.equal(theirs(inputs), ours(inputs))


@needs_torchao
def test_a_row_of_zeros_stays_zero() -> None:
    layer = shrunk(linear(torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, -3.0]])))
    with torch.inference_mode():
        assert layer(torch.ones(2, 3))[:, 0].tolist() == [0.0, 0.0]


@needs_torchao
def test_experts_compute_with_rounded_weights_and_choose_alike(
    make_network: MakeNetwork, config: NetworkConfig
) -> None:
    assert config.moe is not None
    network = make_network(replace(config, moe=replace(config.moe, residual=True)))
    layer = network.decoder.blocks[0].mlp
    assert isinstance(layer, MoELayer)
    for module in layer.modules():
        if isinstance(module, nn.Linear):
            module.weight.data = turned(module.weight.data)
    by_hand = deepcopy(layer)
    for module in by_hand.modules():
        if isinstance(module, nn.Linear) and module is not by_hand.mixer:
            module.weight.data = rounded(module.weight.data)[0]
    tokens = torch.randn(2, 7, 32, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        exact, stats = layer(tokens, Routing())
        expected, _ = by_hand(tokens, Routing())
        quantised(network)
        got, after = layer(tokens, Routing())
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)
    assert torch.equal(stats.choices, after.choices)
    error = (got - exact).norm() / exact.norm()
    assert 1e-4 < error < 0.02


@needs_torchao
def test_only_the_decoders_linear_layers_shrink(
    make_network: MakeNetwork, config: NetworkConfig
) -> None:
    assert config.moe is not None
    network = make_network(replace(config, moe=replace(config.moe, residual=True)))
    before = {name: value.clone() for name, value in network.named_parameters()}
    quantised(network)
    after = dict(network.named_parameters())
    changed = {name for name in before if type(after[name].data) is not Tensor}
    attention = {
        f"decoder.blocks.{n}.attention.{part}.weight"
        for n in range(4)
        for part in ("query", "key", "value", "out")
    }
    mlps = [f"0.mlp.{part}" for part in ("experts.0", "experts.1", "experts.2", "experts.3")]
    mlps += [f"2.mlp.{part}" for part in ("experts.0", "experts.1", "experts.2")]
    mlps += ["0.mlp.shared", "2.mlp.shared", "1.mlp", "3.mlp"]
    wanted = {f"decoder.blocks.{mlp}.{leaf}.weight" for mlp in mlps for leaf in ("up", "down")}
    assert changed == attention | wanted
    for name in before.keys() - changed:
        assert torch.equal(before[name], after[name]), name


@needs_torchao
def test_the_bytes_that_stay_are_counted_with_their_scales(network: Network) -> None:
    shapes = {name: value.shape for name, value in network.named_parameters()}
    linears = {name for name, module in network.named_modules() if is_quantised(name, module)}
    plain = sum(shape.numel() * 4 for shape in shapes.values())
    assert weight_bytes(network) == plain
    weights = [shapes[f"{name}.weight"] for name in linears]
    # a byte a weight; a scale (4 bytes) and a zero point (1 byte) a row
    saved = sum(shape.numel() * 3 - shape[0] * 5 for shape in weights)
    assert weight_bytes(quantised(network)) == plain - saved


def test_a_shared_weight_is_counted_once() -> None:
    first, second = nn.Linear(3, 5, bias=False), nn.Linear(3, 5, bias=False)
    assert weight_bytes(nn.Sequential(first, second)) == 2 * 3 * 5 * 4
    second.weight = nn.Parameter(first.weight.data)
    assert weight_bytes(nn.Sequential(first, second)) == 3 * 5 * 4


def test_no_quantisation_changes_nothing() -> None:
    layer = nn.Linear(3, 5)
    weight = layer.weight
    quantiser("none")(NAME, layer)
    assert layer.weight is weight


@needs_torchao
def test_the_bytes_said_before_loading_are_those_that_stay(config: NetworkConfig) -> None:
    def needed(network: Network) -> int:
        return bytes_needed(network, torch.float32, itemsize("int8"))

    network = build_random(config, torch.Generator().manual_seed(0))
    assert needed(build_empty(config)) == weight_bytes(quantised(network))


def test_int4_counts_groups_and_padding() -> None:
    size = itemsize("int4")
    # nothing to pad: half a byte a weight, scale and zero point (2 bytes each) a group
    assert size(NAME, nn.Linear(2048, 64, device="meta")) == 0.5 + 4 / INT4_GROUP
    # 2560 columns become 3072, 60 rows become 64
    padded = 64 * 3072 * (0.5 + 4 / INT4_GROUP)
    assert size(NAME, nn.Linear(2560, 60, device="meta")) * 2560 * 60 == pytest.approx(padded)
    assert size("decoder.head", nn.Linear(2048, 64, device="meta")) == 0


@pytest.mark.parametrize(
    ("quant", "device", "dtype", "message"),
    [
        ("int2", "cpu", "float32", "unknown quant 'int2'; there are none, int8, int4"),
        ("int4", "cpu", "bfloat16", "int4 runs on a GPU only .* not on 'cpu'; use quant=int8"),
        ("int4", "cuda", "float32", "int4 computes in bfloat16 only, not float32"),
        ("int8", "cpu", "float16", "int8 does not run in float16: .* use dtype=bfloat16"),
    ],
)
def test_what_cannot_run_is_refused_before_loading(
    quant: str, device: str, dtype: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        choose_quant(quant, device, dtype)


def test_a_missing_torchao_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(UsageError, match=r"needs torchao .*: pip install 'torchao>=0\.18'"):
        choose_quant("int8", "cpu", "float32")
    assert choose_quant("none", "cpu", "float16") == "none"


@needs_torchao
def test_what_float16_is_refused_for_would_really_happen() -> None:
    layer = shrunk(linear(torch.ones(1, 256)).to(torch.float16))
    with torch.inference_mode():
        assert layer(torch.full((1, 256), 4.0, dtype=torch.float16)).isinf().all()  # it is 1024


@needs_torchao
def test_int4_groups_that_do_not_fit_are_an_error_and_not_skipped() -> None:
    with pytest.raises(CheckpointError, match=rf"{INT4_GROUP} input channels .* {NAME} has 48"):
        quantiser("int4")(NAME, nn.Linear(48, 8))


@needs_torchao
@pytest.mark.skipif(not torch.cuda.is_available(), reason="int4 runs on a GPU only")
def test_int4_on_a_gpu_stays_near_the_weights() -> None:
    layer = nn.Linear(2048, 256).to("cuda", torch.bfloat16)
    inputs = torch.randn(3, 2048, device="cuda", dtype=torch.bfloat16)
    with torch.inference_mode():
        exact = layer(inputs)
        quantiser("int4")(NAME, layer)
        error = (layer(inputs) - exact).norm() / exact.norm()
    assert 0.001 < error < 0.15
    assert weight_bytes(layer) < 2048 * 256 * 0.7


@needs_torchao
def test_torchaos_import_is_lazy_and_silent() -> None:
    code = (
        "import sys, torch\n"
        "from lvlm_eval.models.moe_llava.quant import choose_quant, quantiser\n"
        "choose_quant('int8', 'cpu', 'float32')\n"
        "assert 'torchao' not in sys.modules\n"
        f"quantiser('int8')({NAME!r}, torch.nn.Linear(3, 2))\n"
        "assert 'torchao' in sys.modules\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
