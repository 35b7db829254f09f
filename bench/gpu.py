"""500 images with 18 questions each on a GPU: Phi2-2.7B's shapes with 4 experts, top-2, in bf16.

    python -m bench.gpu

Weights are drawn on the device. Images are made-up JPEGs of 640 x 480, decoded and preprocessed
while the network is busy; ids are made up, answers have exactly 8 tokens. Drawing and a first small
run, which compiles what there is to compile, are timed apart. A second run asks for one token: with
it the prompts' share of the time, and their speed beside that of bare matrix products. Without a
GPU the script says so; `--device cpu --layers 1 --images 1 --dtype float32` tries it out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from bench.floor import phases, settle, speeds
from bench.loads import Load, made_up
from bench.real_size import gpu_name, peak, write
from bench.shapes import SHAPES
from bench.synthetic import draw
from lvlm_eval.images import open_rgb
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.adapter import MoELlava
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.engine.engine import Engine
from lvlm_eval.models.moe_llava.engine.sequence import Picture, Question
from lvlm_eval.models.moe_llava.preprocess import Processor
from lvlm_eval.models.moe_llava.settings import DTYPES, PLACES
from lvlm_eval.schema import Decoding, Image

_SHAPE, _NEW_TOKENS, _QUESTIONS = "phi2-2.7b-4e", 8, 18
_WARM_UP = 8  # images
_READERS, _AHEAD = 8, 64  # threads that read images; images read before they are needed
_MOST_ROWS = 16384  # of the matrix products that the speed is measured with


@dataclass
class ReadAhead:
    """Questions whose images are read ahead. waited: seconds that the engine waited for them."""

    questions: list[Question]
    files: list[Path]
    processor: Processor
    waited: float = field(default=0.0)

    def __iter__(self) -> Iterator[Question]:
        pixels: deque[Future[Tensor]] = deque()
        waiting = iter(self.files)
        with ThreadPoolExecutor(_READERS) as readers:
            for number in range(len(self.files)):
                while len(pixels) < _AHEAD and (file := next(waiting, None)):
                    pixels.append(readers.submit(self._read, file))
                start = time.perf_counter()
                picture = Picture(str(number), pixels.popleft().result())
                self.waited += time.perf_counter() - start
                asked = self.questions[number * _QUESTIONS : (number + 1) * _QUESTIONS]
                yield from (replace(question, pictures=(picture,)) for question in asked)

    def _read(self, file: Path) -> Tensor:
        return self.processor.pixels(open_rgb(Image(file)))


def main() -> None:
    given = arguments()
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        print("no GPU here: nothing was measured (bench/gpu.py is ready to run where there is one)")
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        measure(given, Path(name))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="bfloat16")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--layers", type=int, default=32, help="fewer, to try the script out")
    parser.add_argument("--folder", help="where the temporary folder is made")
    return parser.parse_args()


def measure(given: argparse.Namespace, folder: Path) -> None:
    write(folder / "model", SHAPES[_SHAPE], given.layers, weights=False)
    files = write_images(folder, given.images)
    model = moe_llava.load(str(folder / "model"), device=given.device, dtype=given.dtype)
    config = model.checkpoint.network_config(model.tokenizer.size)
    print(f"{_SHAPE}, {given.layers} layers, {given.dtype}{gpu_name(given.device)}; ", end="")
    print(f"torch {torch.__version__}, {time.strftime('%Y-%m-%d')}")
    engine = drawn(model, config, given)
    run(engine, model, files[:_WARM_UP], _NEW_TOKENS, given.device, "first run, with what compiles")
    run(engine, model, files, _NEW_TOKENS, given.device, "all")
    print(f"peak memory: {peak(given.device) / 1e9:.1f} GB")
    seconds = run(engine, model, files, 1, given.device, "one token each")
    speed_of_prompts(config, files, seconds, given)


def drawn(model: MoELlava, config: NetworkConfig, given: argparse.Namespace) -> Engine:
    """The engine over a network drawn on the device, without a stop rule."""
    start = time.perf_counter()
    device = torch.device(given.device)
    network = draw(build_empty(config), DTYPES[given.dtype], device).eval()
    network.group_experts()
    settle(given.device)
    print(f"weights drawn in {time.perf_counter() - start:.1f} s")
    # questions come with their pixels: no more of them are looked at than images are read ahead
    window = _AHEAD * _QUESTIONS
    return Engine(network, lambda ids, stops: False, batch=PLACES["cuda"], window=window)


def run(
    engine: Engine, model: MoELlava, files: list[Path], new_tokens: int, device: str, what: str
) -> float:
    """Seconds from the first image's reading to the last answer. RuntimeError for a failed one."""
    assert model.processor is not None
    load = ReadAhead(questions_about(len(files), new_tokens), files, model.processor)
    start, answered = time.perf_counter(), 0
    for finished in engine.run(load, Decoding(max_new_tokens=new_tokens)):
        if len(finished.new_token_ids) != new_tokens:
            raise RuntimeError(f"{finished.question_id}: {finished.error or finished.reason}")
        answered += 1
    settle(device)
    seconds = time.perf_counter() - start
    print(f"{what}: {answered} questions about {len(files)} images in {seconds:.1f} s, ", end="")
    print(f"{answered / seconds:.1f} questions/s; waited {load.waited:.2f} s for images")
    return seconds


def speed_of_prompts(
    config: NetworkConfig, files: list[Path], seconds: float, given: argparse.Namespace
) -> None:
    """Prints how fast tower and prompts went, beside their matrix products alone."""
    work = phases(config, questions_about(len(files), 1), 1)
    products = {product for phase in work for product in phase.products}
    found = speeds(products, given.device, DTYPES[given.dtype], _MOST_ROWS)
    least = sum(phase.seconds(found) for phase in work)
    operations = sum(phase.operations for phase in work)
    reached, bare = (operations / time / 1e12 for time in (seconds, least))
    print(f"tower and prompts: {operations / 1e12:.1f} T operations in {seconds:.1f} s, ", end="")
    print(f"{reached:.2f} T/s; bare products {bare:.2f} T/s; {least / seconds:.0%} of that")


def questions_about(images: int, new_tokens: int) -> list[Question]:
    """Made-up questions whose pictures are yet to be read."""
    return made_up(Load(images, _QUESTIONS, new_tokens), 1, 50000, seed=0)


def write_images(folder: Path, count: int) -> list[Path]:
    """JPEGs of 640 x 480 of smooth noise, about as large as photographs of that size."""
    generator = np.random.default_rng(0)
    files = [folder / f"{number}.jpg" for number in range(count)]
    for file in files:
        coarse = generator.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        image = Pillow.fromarray(coarse).resize((640, 480), Pillow.Resampling.BICUBIC)
        grain = generator.normal(0, 6, (480, 640, 3))
        values = np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
        Pillow.fromarray(values).save(file, quality=90)
    return files


if __name__ == "__main__":
    main()
