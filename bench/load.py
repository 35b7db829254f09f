"""How fast weights load, beside `cat` of the same warm files, and how much memory it takes.

    python -m bench.load --gigabytes 2

Writes a checkpoint of about that size (MoE-LLaVA's layout, seeded random weights in shards) into
a temporary folder, in safetensors and in .bin. `cat FILES > /dev/null` and the loader, each in a
fresh process, take turns; medians are printed. Memory: the loading process's largest resident
size, mapped pages of files included, less what it had before, over the bytes of the weights.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from bench.synthetic import entries_of, write_sharded
from lvlm_eval.models.moe_llava.backbones import FAMILIES
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.config import DecoderConfig, MoEConfig, NetworkConfig
from lvlm_eval.models.moe_llava.config_file import InputConfig, config_json
from lvlm_eval.models.moe_llava.convert import network_table
from lvlm_eval.models.moe_llava.memory import bytes_needed

VOCABULARY, WIDTH, EXPERTS = 32000, 2048, 4
FAMILY = FAMILIES["moe_llava_phi"]
# stored format and type, type asked for
CASES = (
    ("safetensors", torch.bfloat16, torch.bfloat16),
    ("bin", torch.bfloat16, torch.bfloat16),
    ("safetensors", torch.float16, torch.bfloat16),
    ("safetensors", torch.bfloat16, torch.float32),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", help="where the temporary folder is made")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(*given.measure)))
        return
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, medians of", end=" ")
    print(given.repeats)
    for suffix, stored, asked in CASES:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            total = write(Path(folder), given.gigabytes * 1e9, suffix, stored)
            report(Path(folder), total, given.repeats, f"{suffix} {stored} to {asked}", asked)


def write(folder: Path, wanted: float, suffix: str, dtype: torch.dtype) -> int:
    """Writes config.json and weights of about so many bytes; returns how many they are."""
    layers = 2
    while bytes_needed(build_empty(shape(layers)), dtype) < wanted:
        layers += 2
    network = build_empty(shape(layers))
    config = config_json(shape(layers), FAMILY, InputConfig())
    (folder / "config.json").write_text(json.dumps(config))
    entries = entries_of(network, network_table(FAMILY, "linear"), ("decoder.",))
    return write_sharded(folder, entries, dtype, 10**9, suffix)


def shape(layers: int) -> NetworkConfig:
    """Every other layer has experts, as in the released models."""
    sparse = tuple(range(0, layers, 2))
    decoder = DecoderConfig(VOCABULARY, WIDTH, 4 * WIDTH, layers, 16, 16, 32)
    return NetworkConfig(decoder, moe=MoEConfig(sparse, (EXPERTS,) * len(sparse)))


def report(folder: Path, total: int, repeats: int, case: str, asked: torch.dtype) -> None:
    files = sorted(
        str(file) for suffix in ("safetensors", "bin") for file in folder.glob(f"*.{suffix}")
    )
    command = [sys.executable, "-m", "bench.load", "--measure", str(folder), str(asked)]
    cats, loads = [], []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        with Path("/dev/null").open("wb") as nowhere:
            subprocess.run(["cat", *files], stdout=nowhere, check=True)
        cats.append(time.perf_counter() - start)
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        loads.append(json.loads(done.stdout))
    cat = statistics.median(cats[1:])  # the first round warms the files
    load = statistics.median(one["seconds"] for one in loads[1:])
    peak = statistics.median(one["peak"] / one["weights"] for one in loads[1:])
    print(
        f"{case}: {total / 1e9:.2f} GB stored; cat {cat:.3f} s, load {load:.3f} s, speed "
        f"{cat / load:.2f} of cat's; peak {peak:.3f} of the weights that stay"
    )


def measure(folder: str, asked: str) -> dict[str, float]:
    """Seconds and bytes of one load, in this process; opening (the digest) is not part of it."""
    opened = open_checkpoint(folder)
    dtype = getattr(torch, asked.removeprefix("torch."))
    Path("/proc/self/clear_refs").write_text("5")  # the largest size so far is forgotten
    before = status_bytes("VmRSS")
    start = time.perf_counter()
    network = opened.load(VOCABULARY, dtype)
    seconds = time.perf_counter() - start
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    return {"seconds": seconds, "peak": status_bytes("VmHWM") - before, "weights": weights}


def status_bytes(field: str) -> int:
    """VmRSS, the resident size, or VmHWM, the largest so far; both with mapped pages of files.

    getrusage's figure will not do: a process inherits it from the one that started it.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main()
