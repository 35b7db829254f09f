"""How a checkpoint loads over the ranks of a replica: what each reads, takes and waits for.

    python -m bench.load_ranks --gigabytes 2

The checkpoint is that of `bench.load`. Each placement is loaded by fresh processes of this
machine at once: cold, with the files out of the page cache, for what the disk is asked for, then
warm, for memory and time. One process by itself and `cat` stand beside them.

share: bytes of the weights that a rank keeps. own, peak: the largest size of its anonymous
memory, which no other process has, and of all its memory, pages of the files included, which the
ranks of a node have in common; both less what it had before. over: peak less share. read, mapped:
bytes of files that it copied, the digest's among them, and that it uses in place. disk: what all
ranks together made the disk deliver, over the files' size.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.distributed
from torch.distributed import TCPStore  # type: ignore[attr-defined]
from torch.multiprocessing import spawn  # type: ignore[attr-defined]

from bench.load import VOCABULARY, status_bytes, write
from bench.tables import table
from lvlm_eval.launcher import join_replica
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.parallel.opening import load_own
from lvlm_eval.models.moe_llava.quant import Quant, quantiser, weight_bytes
from lvlm_eval.models.moe_llava.settings import DTYPES, Settings
from lvlm_eval.placement import Place, Placement, Rank

PLACEMENTS = (Placement(), Placement(1, 2), Placement(1, 2, 2), Placement(1, 4), Placement(1, 4, 2))
_PAGE, _LOOKS = os.sysconf("SC_PAGE_SIZE"), 0.002  # bytes; seconds between two looks at the memory


@dataclass(frozen=True, slots=True)
class Case:
    """Format and type of the files, and what is asked for."""

    suffix: str
    stored: torch.dtype
    asked: str
    quant: Quant = "none"

    @property
    def name(self) -> str:
        stored = str(self.stored).removeprefix("torch.")
        quant = "" if self.quant == "none" else f", {self.quant}"
        return f"{self.suffix} {stored} to {self.asked}{quant}"


CASES = (
    Case("safetensors", torch.bfloat16, "bfloat16"),
    Case("bin", torch.bfloat16, "bfloat16"),
    Case("safetensors", torch.float32, "bfloat16"),
    Case("bin", torch.float16, "bfloat16"),
    Case("safetensors", torch.bfloat16, "float32"),
    Case("safetensors", torch.bfloat16, "bfloat16", "int8"),
    Case("safetensors", torch.float32, "bfloat16", "int8"),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one rank measured of one load; sizes in bytes."""

    seconds: float
    share: int
    own: int
    peak: int
    read: int
    mapped: int
    disk: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of the files, in each case")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    given = parser.parse_args()
    cores = os.cpu_count()
    print(f"torch {torch.__version__}, {cores} cores; medians of {given.repeats}; MB, s: seconds\n")
    for case in CASES:
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            write(Path(name), given.gigabytes * 1e9, case.suffix, case.stored)
            found = report(Path(name), case, given.repeats)
            print(f"{case.name}: {found}", flush=True)


def report(folder: Path, case: Case, repeats: int) -> str:
    """The table of one case, under what its files are."""
    files = sorted(file for file in folder.iterdir() if file.suffix == f".{case.suffix}")
    total = sum(file.stat().st_size for file in files)
    header = ["placement", "share", "own", "peak", "over", "read", "mapped", "disk", "s", "s cold"]
    rows, cats = [], []
    _forget(files)
    cold_cat = _cat(files)
    for placement in PLACEMENTS:
        settings = Settings("cpu", case.asked, "argmax", 1, quant=case.quant)
        _forget(files)
        cold = load_once(folder, placement, settings)
        warm = []
        for _ in range(repeats):
            cats.append(_cat(files))
            warm.append(load_once(folder, placement, settings))
        disk = sum(rank.disk for rank in cold) / total
        times = (f"{_slowest(loads):.2f}" for loads in (warm, [cold]))
        rows.append([_name(placement), *_sizes(warm), f"{disk:.2f}", *times])
    cat = f"cat {statistics.median(cats):.2f} s, cold {cold_cat:.2f} s"
    return f"{total / 1e9:.2f} GB in {len(files)} files; {cat}\n\n{table(header, rows)}"


def load_once(folder: Path, placement: Placement, settings: Settings) -> list[Loaded]:
    """What each rank measured, of fresh processes that load at once."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with tempfile.TemporaryDirectory() as found:
        given = (placement, settings, folder, store.port, Path(found))
        spawn(_rank, given, nprocs=placement.tp)  # type: ignore[no-untyped-call]
        texts = [Path(found, f"{rank}.json").read_text() for rank in range(placement.tp)]
    return [Loaded(**json.loads(text)) for text in texts]


def _rank(
    number: int, placement: Placement, settings: Settings, folder: Path, port: int, found: Path
) -> None:
    """One process's part of it."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // placement.tp))
    rank = Rank("bench", number, placement.tp, number, 0, "127.0.0.1", port)
    place = Place(placement, rank)
    join_replica(place, "cpu")  # only to begin together: loading sends nothing
    quantiser(settings.quant)  # torchao's code is no part of what loading takes
    torch.distributed.barrier()
    Path(found, f"{number}.json").write_text(json.dumps(asdict(measure(folder, place, settings))))
    torch.distributed.destroy_process_group()


def measure(folder: Path, place: Place, settings: Settings) -> Loaded:
    """One load, in this process; opening (the digest) counts as bytes, not as time."""
    io = _io()
    checkpoint = open_checkpoint(str(folder))
    Path("/proc/self/clear_refs").write_text("5")  # the largest size so far is forgotten
    before = status_bytes("VmRSS")
    with _largest_own() as own:
        start = time.perf_counter()
        if place.placement.tp == 1:
            dtype = DTYPES[settings.dtype]
            network = checkpoint.load(VOCABULARY, dtype, settings.device, settings.quant)
        else:
            network = load_own(checkpoint, VOCABULARY, settings, place)
        seconds = time.perf_counter() - start
    peak = status_bytes("VmHWM") - before
    read, disk = (after - earlier for after, earlier in zip(_io(), io, strict=True))
    share = weight_bytes(network)
    return Loaded(seconds, share, own[-1] - own[0], peak, read, _mapped(folder), disk)


@contextmanager
def _largest_own() -> Iterator[list[int]]:
    """The process's anonymous memory before, and in the end its largest size meanwhile, in bytes.

    Looked at from a thread: what is there for less than a few milliseconds is not seen.
    """
    sizes, done = [_anonymous()], threading.Event()

    def look() -> None:
        largest = sizes[0]
        while not done.wait(_LOOKS):
            largest = max(largest, _anonymous())
        sizes.append(largest)

    thread = threading.Thread(target=look)
    thread.start()
    yield sizes
    done.set()
    thread.join()


def _anonymous() -> int:
    _, resident, of_files, *_ = Path("/proc/self/statm").read_text().split()
    return (int(resident) - int(of_files)) * _PAGE


def _io() -> tuple[int, int]:
    """Bytes that the process has read, wherever from, and of these what the disk delivered."""
    lines = Path("/proc/self/io").read_text().splitlines()
    counts = dict(line.split(": ") for line in lines)
    return int(counts["rchar"]), int(counts["read_bytes"])


def _mapped(folder: Path) -> int:
    """Bytes of the folder's files that are in this process's memory as they are."""
    total, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):
            ours = str(folder) in line
        elif ours and name == "Rss:":
            total += int(rest[0]) * 1024
    return total


def _forget(files: Sequence[Path]) -> None:
    """Takes files out of the page cache."""
    for file in files:
        opened = os.open(file, os.O_RDONLY)
        os.fsync(opened)
        os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(opened)


def _cat(files: Sequence[Path]) -> float:
    start = time.perf_counter()
    with Path("/dev/null").open("wb") as nowhere:
        subprocess.run(["cat", *files], stdout=nowhere, check=True)
    return time.perf_counter() - start


def _name(placement: Placement) -> str:
    ep = f", ep={placement.ep}" if placement.ep > 1 else ""
    return "one process" if placement.tp == 1 else f"tp={placement.tp}{ep}"


def _sizes(loads: Sequence[Sequence[Loaded]]) -> list[str]:
    """Share, own, peak, over, read and mapped in MB, each of the rank with most."""
    sizes = [
        [
            (rank.share, rank.own, rank.peak, rank.peak - rank.share, rank.read, rank.mapped)
            for rank in ranks
        ]
        for ranks in loads
    ]
    worst = [[max(column) for column in zip(*ranks, strict=True)] for ranks in sizes]
    return [f"{statistics.median(column) / 1e6:,.0f}" for column in zip(*worst, strict=True)]


def _slowest(loads: Sequence[Sequence[Loaded]]) -> float:
    return statistics.median(max(rank.seconds for rank in ranks) for ranks in loads)


if __name__ == "__main__":
    main()
