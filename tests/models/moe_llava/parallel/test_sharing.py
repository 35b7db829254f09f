"""A rank reads its part of the files and nothing else, and has memory for no more."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from lvlm_eval.models.moe_llava import reading
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.checkpoint import Plan, open_checkpoint
from lvlm_eval.models.moe_llava.config import NetworkConfig, VisionConfig
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.parallel.experts import in_turn
from lvlm_eval.models.moe_llava.parallel.parts import Seat
from lvlm_eval.models.moe_llava.parallel.sharing import cuts_tower, narrow
from lvlm_eval.models.moe_llava.quant import weight_bytes
from lvlm_eval.models.moe_llava.stored import Stored
from lvlm_eval.placement import Placement

from .made import InThisThread, Made

VOCABULARY = 512


def load(golden: Path, seat: Seat | None, dtype: torch.dtype = torch.float32) -> Network:
    checkpoint = open_checkpoint(str(golden))
    config = whole_config(golden)
    own = partial(_narrowed, seat=seat, config=config) if seat else None
    return checkpoint.load(VOCABULARY, dtype, narrow=own)


def whole_config(golden: Path) -> NetworkConfig:
    return open_checkpoint(str(golden)).network_config(VOCABULARY)


def stored_sizes(golden: Path) -> dict[str, int]:
    """Bytes of a number of each parameter in its file."""
    planned = open_checkpoint(str(golden)).plan(build_empty(whole_config(golden)))
    return {name: one.dtype.itemsize for name, one in planned.items() if isinstance(one, Stored)}


def _narrowed(network: Network, planned: Plan, seat: Seat, config: NetworkConfig) -> Plan:
    return narrow(network, planned, seat, config)


def seats(tp: int, ep: int) -> list[Seat]:
    homes = in_turn({0: 4, 2: 4}, ep)
    return [Seat(Placement(1, tp, ep), rank, homes) for rank in range(tp)]


@pytest.mark.parametrize("kind", ["phi_residual", "qwen"])
def test_each_rank_reads_the_bytes_of_its_own_weights(
    golden: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load(golden / kind, None)
    parts = dict(whole.named_parameters())
    copied = sum(p.nbytes for n, p in parts.items() if not n.startswith("decoder.blocks"))
    copied -= parts["decoder.embedding.weight"].nbytes + parts["decoder.head.weight"].nbytes
    sizes = stored_sizes(golden / kind)
    read: list[int] = []

    def counted(*given: Any) -> int:
        read.append(preadv(*given))
        return read[-1]

    preadv = os.preadv
    monkeypatch.setattr(os, "preadv", counted)
    for seat in seats(4, 2):
        read.clear()
        network = load(golden / kind, seat)
        parameters = dict(network.named_parameters())
        own = sum(parameter.nbytes for parameter in parameters.values())
        assert weight_bytes(network) == own
        assert sum(read) == sum(p.numel() * sizes[name] for name, p in parameters.items())
        # what is on all ranks, a quarter of the rest, and norms, routers and mixers
        assert own < copied + 1.1 * (weight_bytes(whole) - copied) / 4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_rank_makes_its_weights_and_what_it_converts_them_from_and_no_other_tensor(
    golden: Path, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ThreadPoolExecutor", InThisThread)
    sizes = stored_sizes(golden / "qwen")
    for seat in seats(4, 2):
        with Made() as made:
            parameters = dict(load(golden / "qwen", seat, dtype).named_parameters())
        own = {name: parameter.nbytes for name, parameter in parameters.items()}
        stored = {name: p.numel() * sizes[name] for name, p in parameters.items()}
        converted = {name: size for name, size in stored.items() if size != own[name]}
        small = 1000  # where experts are
        assert made.total - sum(own.values()) - sum(converted.values()) in range(small)
        largest = max(*own.values(), *converted.values())
        assert made.most - sum(own.values()) in range(largest + small)


def test_parts_hold_the_numbers_of_the_whole(golden: Path) -> None:
    whole = dict(load(golden / "phi", None).named_parameters())
    first, second = (dict(load(golden / "phi", seat).named_parameters()) for seat in seats(2, 2))
    out = "decoder.blocks.1.attention.out.weight"
    assert torch.equal(torch.cat((first[out], second[out]), dim=1), whole[out])
    query = "decoder.blocks.1.attention.query.weight"
    assert torch.equal(torch.cat((first[query], second[query])), whole[query])
    dealt = "decoder.blocks.2.mlp.experts.{}.up.weight"
    assert torch.equal(second[dealt.format(1)], whole[dealt.format(3)])
    bias = "decoder.blocks.1.mlp.down.bias"
    assert torch.equal(first[bias], whole[bias])
    assert bias not in second


def test_a_large_tower_alone_is_cut() -> None:
    clip = VisionConfig(1024, 4096, 24, 16, 336, 14)
    giant = VisionConfig(1792, 15360, 64, 16, 448, 14)
    assert not cuts_tower(clip, 4, 2)
    assert cuts_tower(giant, 4, 2)
    assert not cuts_tower(giant, 3, 2)
    assert not cuts_tower(None, 2, 2)
