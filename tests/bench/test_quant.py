"""What the measurement rounds to is what int4 would leave."""

from __future__ import annotations

import importlib.util
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
import torch

FILE = Path(__file__).parents[2] / "bench" / "quant.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_quant", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def test_a_group_has_sixteen_levels_from_its_least_to_its_largest(bench: ModuleType) -> None:
    # steps of 1 from 0 in the first group of four, of 2 from -10 in the second
    weight = torch.tensor([[0.0, 15.0, 6.75, 1.125, -10.0, 20.0, -8.5, 4.875]])
    expected = [[0.0, 15.0, 7.0, 1.0, -10.0, 20.0, -8.0, 4.0]]
    assert bench.int4_rounded(weight, 4).tolist() == expected


@pytest.mark.skipif(find_spec("torchao") is None, reason="torchao is not installed")
@pytest.mark.parametrize("group", [32, 128])
def test_the_grid_is_torchaos(bench: ModuleType, group: int) -> None:
    from torchao.quantization import quant_primitives as primitives

    weight = torch.randn(24, 256, generator=torch.Generator().manual_seed(1)).bfloat16()
    block, levels = (1, group), {"quant_min": 0, "quant_max": 15}
    scale, centre = primitives._choose_qparams_affine_tinygemm(
        weight,
        primitives.MappingType.ASYMMETRIC,
        block,
        torch.int32,
        scale_dtype=torch.bfloat16,
        zero_point_dtype=torch.bfloat16,
        **levels,
    )
    chosen = primitives._quantize_affine_tinygemm(
        weight, block, scale, centre, torch.int32, **levels
    )
    expected = primitives._dequantize_affine_tinygemm(
        chosen, block, scale, centre, torch.int32, output_dtype=torch.float32, **levels
    )
    assert torch.equal(bench.int4_rounded(weight.float(), group), expected)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torchao") is None, reason="torchao is not installed")
def test_no_demo_task_loses_two_points_to_int8(
    bench: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bench, "CACHE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["quant.py", "--device", "cpu"])
    assert bench.main() == 0
    out = capsys.readouterr().out
    assert [out.count(f"\n{task} ") for task in ("vqav2", "gqa", "pope", "mme")] == [2] * 4
