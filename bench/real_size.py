"""A released checkpoint's exact shapes with seeded random weights: written, loaded, asked.

    python -m bench.real_size --shape phi2-2.7b-4e --folder /tmp/real --dtype bfloat16

Writes the checkpoint into the folder (original layout, bf16 shards of 5 GB, the tower in fp32 as
its authors published it) unless it is there from an earlier call, and in a fresh process loads it
and asks one question about a picture. On a GPU nothing is written: weights are drawn there. Byte-
level tokens, for the vocabularies are made up: the prompt's text is longer than with the real ones.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch
from PIL import Image as Pillow

from bench.floor import settle
from bench.load import status_bytes
from bench.shapes import CLIP_LARGE_336, PREPROCESSOR, SHAPES, TOWER, Shape
from bench.synthetic import Entry, draw, entries_of, write_sharded
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.adapter import MoELlava
from lvlm_eval.models.moe_llava.backbones import Family
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.config_file import read_config, vision_config
from lvlm_eval.models.moe_llava.convert import network_table, tower_table
from lvlm_eval.models.moe_llava.engine.engine import Engine
from lvlm_eval.models.moe_llava.engine.sequence import Question
from lvlm_eval.models.moe_llava.fields import Fields
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.quant import weight_bytes
from lvlm_eval.models.moe_llava.settings import DTYPES
from lvlm_eval.models.moe_llava.vision import VisionTower
from lvlm_eval.schema import Decoding, Image, Prompt, Request

SHARD_BYTES, NEW_TOKENS = 5 * 10**9, 9
QUESTION = "What is in the picture?"


def main() -> None:
    given = arguments()
    layers = given.layers or int(str(SHAPES[given.shape].config["num_hidden_layers"]))
    folder = Path(given.folder)
    if given.measure:
        measure(folder, given.dtype, given.device, drawn=given.drawn)
        return
    start = time.perf_counter()
    written = write(folder, SHAPES[given.shape], layers, weights=not given.drawn)
    print(f"{given.shape}, {layers} layers, {given.dtype} on {given.device}")
    print(f"written: {written / 1e9:.2f} GB in {time.perf_counter() - start:.1f} s", flush=True)
    command = [sys.executable, "-m", "bench.real_size", *sys.argv[1:], "--measure"]
    raise SystemExit(subprocess.run(command, check=False).returncode)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=sorted(SHAPES), default="phi2-2.7b-4e")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="bfloat16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--layers", type=int, help="fewer decoder layers, to try the script out")
    parser.add_argument("--drawn", action="store_true", help="draw the weights, write none")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.drawn = given.drawn or given.device.startswith("cuda")
    return given


def write(folder: Path, shape: Shape, layers: int, *, weights: bool) -> int:
    """Writes what is not there yet; returns the bytes of weights written."""
    config, mark = shape.config_json(layers), folder / "complete.json"
    wanted = json.dumps({"config": config, "weights": weights}, sort_keys=True)
    if mark.is_file() and mark.read_text() == wanted:
        return 0
    tower = folder / "towers" / TOWER
    tower.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    (tower / "config.json").write_text(json.dumps(dict(CLIP_LARGE_336), indent=1))
    (tower / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=1))
    shape.write_tokenizer(folder)
    network, table = empty(folder), network_table(family(folder), "mlp2x_gelu")
    whole = build_whole_tower()
    written = 0
    if weights:
        parts = entries_of(network, table, ("decoder.", "projector."))
        written = write_sharded(folder, parts, torch.bfloat16, SHARD_BYTES, "safetensors")
        parts = entries_of(whole, tower_table(24), ("vision.",))
        written += write_sharded(tower, parts, torch.float32, SHARD_BYTES, "safetensors")
    else:  # opening wants files to digest; these are never read
        for place in (folder, tower):
            write_sharded(
                place, [Entry("none", (1,), "bias")], torch.bfloat16, SHARD_BYTES, "safetensors"
            )
    mark.write_text(wanted)
    return written


def empty(folder: Path) -> Network:
    """The network in the checkpoint's own sizes, the vocabulary uncut, without memory."""
    fields = Fields(json.loads((folder / "config.json").read_text()), "config.json")
    config = read_config(fields)
    tower = Fields(dict(CLIP_LARGE_336), "tower")
    return build_empty(config.network(tower, config.decoder.vocab_size))


def build_whole_tower() -> torch.nn.Module:
    """The tower with the layers above the selected one, as published, without memory."""
    with torch.device("meta"):
        holder = torch.nn.Module()
        holder.vision = VisionTower(vision_config(Fields(dict(CLIP_LARGE_336), ""), -1, "patch"))
    return holder


def family(folder: Path) -> Family:
    return read_config(Fields(json.loads((folder / "config.json").read_text()), "")).family


def measure(folder: Path, dtype: str, device: str, *, drawn: bool) -> None:
    model = moe_llava.load(str(folder), device=device, dtype=dtype, batch=1)
    tokens = model.tokenizer.size
    Path("/proc/self/clear_refs").write_text("5")  # the largest size so far is forgotten
    before = status_bytes("VmRSS") if device == "cpu" else 0
    start = time.perf_counter()
    if drawn:
        network = build_empty(model.checkpoint.network_config(tokens))
        network = draw(network, DTYPES[dtype], torch.device(device)).eval()
        model.__dict__["engine"] = Engine(network, model.chat.stops)
    else:
        model.prepare()
    settle(device)
    weights = weight_bytes(model.engine.network)
    done = "drawn" if drawn else "loaded"
    print(
        f"{done} in {time.perf_counter() - start:.1f} s; weights that stay: {weights / 1e9:.2f} GB"
    )
    print(f"peak memory of loading: {(peak(device) - before) / weights:.3f} of the weights")
    prompt, times = ask(model, device)
    further = [later - earlier for earlier, later in pairwise(times[1:])]
    vision = model.engine.network.vision
    assert vision is not None
    features = vision.config.features
    print(f"prompt: {prompt} tokens, of which one is a picture of {features} vectors")
    print(f"first token after {times[1] - times[0]:.2f} s, picture and all")
    print(f"further tokens: {sum(further) / len(further):.3f} s each, mean of {len(further)}")
    print(f"peak memory: {peak(device) / 1e9:.2f} GB on {device}")
    threads = torch.get_num_threads()
    print(f"python {platform.python_version()}, torch {torch.__version__}, {threads} threads")
    print(f"{os.cpu_count()} cores{gpu_name(device)}, {time.strftime('%Y-%m-%d')}")


def ask(model: MoELlava, device: str) -> tuple[int, list[float]]:
    """Tokens of the prompt's text; the times of the start and of each token."""
    request = Request("q", Prompt.user(Image(data=picture()), QUESTION))
    times = [time.perf_counter()]
    questions, _ = model.encode([request])
    for _ in ids(model, questions[0]):
        settle(device)
        times.append(time.perf_counter())
    return len(questions[0].token_ids), times


def ids(model: MoELlava, question: Question) -> Iterator[int]:
    return model.engine.stream(question, Decoding(max_new_tokens=NEW_TOKENS))


def picture() -> bytes:
    """A photograph's size; the content does not matter to random weights."""
    values = torch.randint(0, 256, (480, 640, 3), generator=torch.Generator().manual_seed(0))
    stored = io.BytesIO()
    Pillow.fromarray(values.to(torch.uint8).numpy()).save(stored, "PNG")
    return stored.getvalue()


def peak(device: str) -> int:
    """The largest size so far, mapped pages of files included, in bytes."""
    return torch.cuda.max_memory_allocated(device) if device != "cpu" else status_bytes("VmHWM")


def gpu_name(device: str) -> str:
    return f", {torch.cuda.get_device_name(device)}" if device.startswith("cuda") else ""


if __name__ == "__main__":
    main()
