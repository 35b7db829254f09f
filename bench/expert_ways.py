"""Two ways to run a layer's experts over ranks, measured: bytes through the loopback, and time.

    python -m bench.expert_ways [RANKS ...]        2 and 4 by default; gloo, on this CPU

summed: each rank has all tokens and runs its own experts; the results are summed over the ranks.
all-to-all: ranks share out the tokens, send each to the ranks of its experts, take the results
back, and gather all tokens again, since attention wants them on all ranks.
N tokens, D width, F an expert's hidden width, E experts, k of them a token, p ranks.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.distributed
from torch import Tensor, nn
from torch.multiprocessing import spawn  # type: ignore[attr-defined]

from bench.scaling import Sent, gathered, summed
from lvlm_eval.models.moe_llava.layers import MLP

WIDTH, HIDDEN, EXPERTS, TOP_K = 1024, 1024, 4, 2
TOKENS = (64, 4096)  # a step of decoding, and of prompts
TIMES = 5
_LOOPBACK = Path("/sys/class/net/lo/statistics/tx_bytes")


def by_sum(tokens: Tensor, choices: Tensor, weights: Tensor, own: dict[int, nn.Module]) -> Tensor:
    """(N, D) to the same on all ranks."""
    out = torch.zeros_like(tokens)
    for expert, layer in own.items():
        rows, place = (choices == expert).nonzero(as_tuple=True)
        out.index_add_(0, rows, layer(tokens[rows]) * weights[rows, place, None])
    torch.distributed.all_reduce(out)
    return out


def by_exchange(
    tokens: Tensor, choices: Tensor, weights: Tensor, own: dict[int, nn.Module]
) -> Tensor:
    """(N, D) to the same on all ranks, each of which begins with a p-th of the rows."""
    rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    mine = torch.arange(len(tokens)).chunk(ranks)[rank]
    flat = choices[mine].flatten()
    homes = flat % ranks
    order = (homes * EXPERTS + flat).argsort(stable=True)  # by rank, then by expert
    to_send = homes.bincount(minlength=ranks)
    coming = torch.empty_like(to_send)
    torch.distributed.all_to_all_single(coming, to_send)
    sent_ids, got_ids = flat[order], flat.new_empty(int(coming.sum()))
    splits = (coming.tolist(), to_send.tolist())
    torch.distributed.all_to_all_single(got_ids, sent_ids, *splits)
    rows = mine[order // TOP_K]
    got = tokens.new_empty(len(got_ids), WIDTH)
    torch.distributed.all_to_all_single(got, tokens[rows], *splits)
    done = torch.empty_like(got)
    for expert, layer in own.items():
        here = got_ids == expert
        done[here] = layer(got[here])
    back = tokens.new_empty(len(order), WIDTH)
    torch.distributed.all_to_all_single(back, done, *reversed(splits))
    part = tokens.new_zeros(len(mine), WIDTH)
    part.index_add_(0, order // TOP_K, back * weights[mine].flatten()[order, None])
    out = torch.empty_like(tokens)
    torch.distributed.all_gather(list(out.chunk(ranks)), part)
    return out


WAYS: dict[str, Callable[..., Tensor]] = {"summed": by_sum, "all-to-all": by_exchange}


def expected(way: str, tokens: int, ranks: int) -> Sent:
    """What a rank sends, in fp32, with experts chosen evenly; ids and sizes left out."""
    numbers = tokens * WIDTH
    if way == "summed":
        return summed(numbers, ranks, size=4)
    there = Sent((ranks - 1) / ranks * TOP_K * numbers / ranks * 4, ranks - 1)
    return there + there + gathered(numbers, ranks, size=4)


@torch.inference_mode()
def work(rank: int, ranks: int, port: int, folder: str) -> None:
    """One rank's share; the first one writes what it measured."""
    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{port}"
    torch.distributed.init_process_group("gloo", address, rank=rank, world_size=ranks)
    torch.manual_seed(0)
    every = [MLP(WIDTH, HIDDEN, "silu", gated=True, bias=False) for _ in range(EXPERTS)]
    own: dict[int, nn.Module] = {e: every[e] for e in range(EXPERTS) if e % ranks == rank}
    found = []
    for count in TOKENS:
        tokens = torch.randn(count, WIDTH)
        choices = torch.rand(count, EXPERTS).topk(TOP_K).indices  # (N, k)
        weights = torch.rand(count, TOP_K)
        results = {name: way(tokens, choices, weights, own) for name, way in WAYS.items()}
        torch.testing.assert_close(results["summed"], results["all-to-all"])
        for name, way in WAYS.items():
            took, sent = _measured(partial(way, tokens, choices, weights, own))
            found.append((name, ranks, count, took, sent / ranks))
    torch.distributed.barrier()
    if rank == 0:
        Path(folder, "found.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


def _measured(call: Callable[[], Tensor]) -> tuple[float, float]:
    """Seconds of the fastest call, and bytes of one through the loopback, of all ranks."""
    torch.distributed.barrier()
    before, best = int(_LOOPBACK.read_text()), float("inf")
    torch.distributed.barrier()
    for _ in range(TIMES):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    torch.distributed.barrier()
    return best, (int(_LOOPBACK.read_text()) - before) / TIMES


def main(counts: list[int]) -> None:
    print("| ranks | tokens | way | ms | kB sent a rank | by formula |")
    print("|---|---|---|---|---|---|")
    for ranks in counts:
        with socket.socket() as held, tempfile.TemporaryDirectory() as folder:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
            held.close()
            spawn(work, (ranks, port, folder), nprocs=ranks)  # type: ignore[no-untyped-call]
            found = json.loads(Path(folder, "found.json").read_text())
        for name, _, tokens, took, sent in found:
            formula = expected(name, tokens, ranks).bytes
            print(
                f"| {ranks} | {tokens} | {name} | {took * 1e3:.1f} | {sent / 1e3:.0f} "
                f"| {formula / 1e3:.0f} |"
            )


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or [2, 4])
