"""Trains the two bundled models on the demo's little world: `... --output FOLDER`.

A tower and a tokenizer are made first, since a world of 64 x 64 pixels has neither; then come
the three stages of MoE-tuning. FOLDER/demo_dense is what stage 2 leaves, FOLDER/demo what
stage 3 makes of it. The same seed on the same machine gives the same weights.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from lvlm_eval.demo.conversations import Conversation, captions, conversations
from lvlm_eval.demo.draw import CELL, SIDE, jpeg
from lvlm_eval.demo.patches import CLASSES, patch_names
from lvlm_eval.demo.scene import scenes
from lvlm_eval.images import open_rgb
from lvlm_eval.schema import Image

from ..backbones import PHI
from ..build import build_random
from ..chat import TEMPLATES, ChatFormat, Template
from ..config import DecoderConfig, NetworkConfig, ProjectorConfig, VisionConfig
from ..config_file import InputConfig
from ..network import Network
from ..preprocess import Processor
from ..tokenizer import read_tokenizer
from .data import Example, batches, encode_chat, encode_plain, share_stem
from .save import IMAGE_MEAN, IMAGE_STD, Trained, save_checkpoint
from .stages import ALIGN, INSTRUCT, SPECIALISE, Stage
from .tokenizer import save_tokenizer, train_tokenizer
from .tower import Named, pretrain_tower
from .train import Plan, Progress, tune
from .upcycle import sparse_layers, upcycle

_log = logging.getLogger(__name__)

TOKENS = 1024  # byte-level; all words of the questions become single tokens
WIDTH, LAYERS, HEADS = 128, 4, 4
TOWER_WIDTH, TOWER_LAYERS = 128, 3
EXPERTS = 4
TOWER = "openai/clip-vit-demo-patch16-64"  # the original knows a tower's kind by this prefix
NAMING = Plan(600, rate=2e-3)
NAMING_BATCH = 128
# Nothing here was pre-trained on the web, so the stages go faster and on smaller batches.
DEMO_ALIGN = replace(ALIGN, batch=64)
DEMO_INSTRUCT = replace(INSTRUCT, rate=1.5e-3, batch=24)
DEMO_SPECIALISE = replace(SPECIALISE, rate=1e-3, batch=24)
ALIGN_STEPS = 100
SPECIALISE_STEPS = (500, 400)  # the second part reads, counts and describes more
LESSONS = (700, 1300, 900)  # steps of stage 2, see `_lessons`
CORPUS = 1000  # groups of conversations that the tokenizer is trained on


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the stages share: how to talk, how to see, where chance comes from.

    share: of all steps; a fraction trains a model that is good for nothing but tests.
    """

    chat: ChatFormat
    processor: Processor
    generator: torch.Generator
    seed: int
    share: float

    def read_pixels(self, image: Image) -> Tensor:
        """(3, 64, 64)"""
        return self.processor.pixels(open_rgb(image))

    def steps(self, full: int) -> int:
        return max(1, round(full * self.share))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `--output FOLDER [--seed N]`."""
    parser = argparse.ArgumentParser(description="Train the two bundled models.")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # One thread: of such small products a second one gains little, and loses all where it has
    # to wait for its core. The number is part of the recipe, for sums depend on it.
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    train_demo(options.output, seed=options.seed)


def train_demo(folder: Path, *, seed: int = 0, share: float = 1.0) -> None:
    """Writes folder/demo_dense and folder/demo, both in the original's on-disk format."""
    tokenizer = train_tokenizer(corpus(seed, max(1, round(CORPUS * share))), TOKENS)
    generator = torch.Generator().manual_seed(seed)
    recipe = Recipe(_chat(tokenizer), _processor(), generator, seed, share)
    config = _network_config(tokenizer.get_vocab_size())
    network = _fresh(config, recipe)
    trained = Trained(network, config, PHI, InputConfig(TOWER, aspect_ratio="pad"), tokenizer)
    described = (encode_plain(turns, recipe.chat) for turns in captions(seed + 1))
    _run_stage(trained, DEMO_ALIGN, ALIGN_STEPS, described, recipe)
    _run_stage(trained, DEMO_INSTRUCT, sum(LESSONS), _lessons(recipe), recipe)
    save_checkpoint(trained, folder / "demo_dense")
    experts = sparse_layers(LAYERS, EXPERTS)
    # A generator of its own: what stage 3 draws does not depend on how often the others drew.
    network, config = upcycle(network, config, experts, torch.Generator().manual_seed(seed + 1))
    trained = replace(trained, network=network, config=config)
    first, second = SPECIALISE_STEPS
    groups = _encoded(conversations(seed + 3, lesson="late"), recipe.chat)
    _run_stage(trained, DEMO_SPECIALISE, first, groups, recipe)
    _round(network)
    groups = _encoded(conversations(seed + 4, lesson="last"), recipe.chat)
    _run_stage(trained, DEMO_SPECIALISE, second, groups, recipe)
    save_checkpoint(trained, folder / "demo")


def _round(network: nn.Module) -> None:
    """Weights as a checkpoint keeps them, so that training may go on from a saved one."""
    for parameter in network.parameters():
        parameter.data = parameter.data.bfloat16().float()


def corpus(seed: int, size: int) -> Iterator[str]:
    """Text of so many training conversations as the template writes it, for the tokenizer."""
    template = TEMPLATES[PHI.conversation]
    turns = (turn for group in islice(conversations(seed), size) for turn in chain(*group))
    for turn in turns:
        user = turn.role == "user"
        role = f"{template.system} {template.user}" if user else f"{template.assistant} "
        words = "".join(part for part in turn.parts if isinstance(part, str))
        yield f"{role}{words} "


def labelled_pictures(recipe: Recipe) -> Iterator[Named]:
    """Batches of training scenes, each patch with the names of what it shows."""
    pictures = scenes(np.random.default_rng(recipe.seed), evaluation=False)
    while True:
        batch = list(islice(pictures, NAMING_BATCH))
        pixels = [recipe.read_pixels(Image(data=jpeg(scene))) for scene in batch]
        yield torch.stack(pixels), torch.tensor([patch_names(scene) for scene in batch])


def _fresh(config: NetworkConfig, recipe: Recipe) -> Network:
    """A network whose tower has learnt to see and whose decoder knows nothing yet."""
    network = build_random(config, recipe.generator)
    assert network.vision is not None
    plan = replace(NAMING, steps=recipe.steps(NAMING.steps))
    pretrain_tower(
        network.vision,
        labelled_pictures(recipe),
        CLASSES,
        plan,
        _logged("naming", plan.steps),
        recipe.generator,
    )
    for part in (network.decoder, network.projector):
        _widen(part, recipe.generator)
    return network


def _widen(part: nn.Module | None, generator: torch.Generator) -> None:
    """Draws linear layers anew from N(0, 1 / inputs).

    A deviation of 0.02 is right for widths of thousands; at 128 it leaves attention all but
    even, and the first hundreds of steps go by without a look at the picture.
    """
    assert part is not None
    for module in part.modules():
        if isinstance(module, nn.Linear):
            module.weight.data.normal_(0, module.in_features**-0.5, generator=generator)


def _lessons(recipe: Recipe) -> Iterator[Example]:
    """Stage 2's data, in three lessons: single looks, then all questions, then as tasks ask them.

    The first two leave out the system text and the suffix, two thirds of a prompt that say
    nothing about the picture. Looking is learnt within 600 steps so; with them it takes
    thousands.
    """
    template = Template(system="", end=recipe.chat.template.end)
    brief = replace(recipe.chat, template=template)
    first, second = (recipe.steps(steps) * DEMO_INSTRUCT.batch for steps in LESSONS[:2])
    seed = recipe.seed + 2
    yield from islice(_encoded(conversations(seed, lesson="basics", brief=True), brief), first)
    yield from islice(_encoded(conversations(seed + 10, brief=True), brief), second)
    yield from _encoded(conversations(seed + 20), recipe.chat)


def _encoded(groups: Iterator[tuple[Conversation, ...]], chat: ChatFormat) -> Iterator[Example]:
    """Each group about one picture as one sequence."""
    for group in groups:
        yield share_stem([encode_chat(turns, chat) for turns in group])


def _run_stage(
    trained: Trained,
    stage: Stage,
    steps: int,
    data: Iterator[Example],
    recipe: Recipe,
) -> None:
    moe = trained.config.moe
    plan = stage.plan(recipe.steps(steps))
    tune(
        trained.network,
        batches(data, recipe.read_pixels, stage.batch),
        stage.trainable,
        plan,
        _logged(stage.name, plan.steps),
        aux_loss_coef=moe.aux_loss_coef if moe else 0.0,
    )


def _logged(name: str, steps: int) -> Progress:
    """A progress callback that logs every fiftieth step."""
    start = monotonic()

    def progress(step: int, loss: float) -> None:
        if (step + 1) % 50 == 0:
            seconds = monotonic() - start
            _log.info("%s %d/%d: loss %.3f, %.0f s", name, step + 1, steps, loss, seconds)

    return progress


def _chat(tokenizer: Tokenizer) -> ChatFormat:
    """The template with the tokenizer as its files will be read."""
    with tempfile.TemporaryDirectory() as folder:
        save_tokenizer(tokenizer, Path(folder))
        return ChatFormat(TEMPLATES[PHI.conversation], read_tokenizer(Path(folder)))


def _processor() -> Processor:
    return Processor(SIDE, SIDE, SIDE, IMAGE_MEAN, IMAGE_STD, 1 / 255, pad=True)


def _network_config(tokens: int) -> NetworkConfig:
    """Dense, phi's arithmetic; half of each head is rotated."""
    return NetworkConfig(
        DecoderConfig(
            vocab_size=tokens,
            width=WIDTH,
            mlp_width=4 * WIDTH,
            layers=LAYERS,
            heads=HEADS,
            kv_heads=HEADS,
            rotary_width=WIDTH // HEADS // 2,
        ),
        VisionConfig(
            width=TOWER_WIDTH,
            mlp_width=4 * TOWER_WIDTH,
            layers=TOWER_LAYERS,
            heads=HEADS,
            image_size=SIDE,
            patch_size=CELL,
        ),
        ProjectorConfig(depth=2, in_width=TOWER_WIDTH, out_width=WIDTH),
    )


if __name__ == "__main__":
    main()
