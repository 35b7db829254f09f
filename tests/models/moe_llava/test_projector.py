"""Every projector against a model that is built as the original builds it, weights copied over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Blip2QFormerConfig, Blip2QFormerModel

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.backbones import PHI
from lvlm_eval.models.moe_llava.build import build_random
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.convert import KeyTable, network_table
from lvlm_eval.models.moe_llava.projector import Projector
from lvlm_eval.models.moe_llava.projector_kinds import projector_config, projector_kind
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN
from lvlm_eval.schema import Decoding, Image, Prompt, Request

IN, OUT, PREFIX = 32, 64, "model.mm_projector.image_spatial_proj."


def stack(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for given, wanted in pairwise(widths):
        layers += [nn.GELU()] * bool(layers) + [nn.Linear(given, wanted)]
    return nn.Sequential(*layers)


def through(x: Tensor, *layers: nn.Module) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def on_grid(x: Tensor, layer: nn.Module) -> Tensor:
    """The layer applied to (I, D, rows, columns), written out patch by patch."""
    side = round(x.shape[1] ** 0.5)
    grid = torch.stack([x[:, row * side : (row + 1) * side] for row in range(side)], dim=1)
    return through(grid.permute(0, 3, 1, 2), layer).permute(0, 2, 3, 1).flatten(1, 2)


class Pooled(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.proj_in, self.block = nn.AvgPool2d(2), stack(IN, *[OUT] * depth)

    def forward(self, x: Tensor) -> Tensor:
        return through(on_grid(x, self.proj_in), self.block)


class Convolution(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        norm = nn.GroupNorm(32, width, eps=1e-6)
        self.conv = nn.Sequential(norm, nn.Conv2d(width, width, 3, 1, 1), nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        return x + on_grid(x, self.conv)


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        images, patches, width = x.shape
        three = self.qkv(x).reshape(images, patches, 3, 32, width // 32).permute(2, 0, 3, 1, 4)
        weights = (three[0] @ three[1].transpose(-1, -2) * (width // 32) ** -0.5).softmax(-1)
        return through((weights @ three[2]).transpose(1, 2).flatten(2), self.proj)


class ViTBlock(nn.Module):
    def __init__(self, width: int, ratio: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        hidden = int(width * ratio)
        self.attn = Attention(width)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, hidden), "act": nn.GELU(), "fc2": nn.Linear(hidden, width)}
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + through(x, self.norm1, self.attn)
        return x + through(x, self.norm2, *self.mlp.values())


class Simple(nn.Module):
    def __init__(self, before: int, after: int, width: int, ratio: float) -> None:
        super().__init__()

        def repeated(times: int) -> nn.Module:
            pair = [Convolution(width), ViTBlock(width, ratio)]
            return nn.Sequential(*pair * times) if times else nn.Identity()

        self.proj_in, self.down1 = stack(IN, width, width), nn.AvgPool2d(2)
        self.block_in = repeated(before)
        self.down2 = nn.Conv2d(width, width, 3) if after else nn.Identity()
        self.block_out, self.proj_out = repeated(after), stack(width, OUT, OUT)

    def forward(self, x: Tensor) -> Tensor:
        x = through(on_grid(through(x, self.proj_in), self.down1), self.block_in)
        return through(on_grid(x, self.down2), self.block_out, self.proj_out)


class Queried(nn.Module):
    def __init__(self, layers: int, queries: int, width: int, ratio: float) -> None:
        super().__init__()
        self.proj_in = stack(IN, width, width)
        self.query_tokens = nn.Parameter(torch.zeros(1, queries, width))
        config = Blip2QFormerConfig(
            hidden_size=width,
            encoder_hidden_size=width,
            intermediate_size=int(width * ratio),
            num_hidden_layers=layers,
            num_attention_heads=32,
            cross_attention_frequency=1,
            attn_implementation="eager",
        )
        self.qformer, self.proj_out = Blip2QFormerModel(config), stack(width, OUT, OUT)

    def forward(self, x: Tensor) -> Tensor:
        queries = self.query_tokens.expand(len(x), -1, -1)
        found = self.qformer(query_embeds=queries, encoder_hidden_states=self.proj_in(x))
        return through(found.last_hidden_state, self.proj_out)


THEIRS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(IN, OUT),
    "mlp1x_gelu": lambda: stack(IN, OUT),
    "mlp3x_gelu": lambda: stack(IN, OUT, OUT, OUT),
    "pool_mlp2x_gelu": lambda: Pooled(2),
    "simple_in0_out0": lambda: Simple(0, 0, OUT, 2.6875),
    "simple_in1_out0": lambda: Simple(1, 0, OUT, 2.6875),
    "simple_in2_out0": lambda: Simple(2, 0, OUT, 2.6875),
    "simple_in2_out3": lambda: Simple(2, 3, OUT, 2.6875),
    "cheap_simple_in1_out1": lambda: Simple(1, 1, IN, 4),
    "qformer2_7": lambda: Queried(2, 7, OUT, 2.6875),
    "cheap_qformer3_5": lambda: Queried(3, 5, IN, 4),
}
FEATURES = {
    "pool_mlp2x_gelu": 16,
    "simple_in0_out0": 16,
    "simple_in1_out0": 16,
    "simple_in2_out0": 16,
    "simple_in2_out3": 4,
    "cheap_simple_in1_out1": 4,
    "qformer2_7": 7,
    "cheap_qformer3_5": 5,
}


def random_original(kind: str) -> nn.Module:
    torch.manual_seed(5)
    theirs = THEIRS[kind]().eval().double()  # so that no rounding hides a difference
    for parameter in theirs.parameters():
        parameter.data += torch.randn_like(parameter) * 0.2
    return theirs


def copied(kind: str, tensors: dict[str, Tensor]) -> Projector:
    """Our projector with an original's tensors, each found through the key table."""
    table: KeyTable = network_table(PHI, kind)
    ours = Projector(projector_config(kind, IN, OUT)).eval().double()
    own, seen = ours.state_dict(), set()
    for key, tensor in tensors.items():
        name = table.ours(PREFIX + key)
        if name is not None:
            assert table.theirs(name) == PREFIX + key
            own[name.removeprefix("projector.")].copy_(tensor)
            seen.add(name.removeprefix("projector."))
    assert seen == set(own)
    return ours


def some_features(images: int, patches: int) -> Tensor:
    generator = torch.Generator().manual_seed(6)
    return torch.randn(images, patches, IN, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("kind", list(THEIRS))
def test_outputs_and_keys_equal_the_originals(kind: str) -> None:
    theirs = random_original(kind)
    ours = copied(kind, theirs.state_dict())
    features = some_features(3, 64)
    with torch.no_grad():
        expected, got = theirs(features), ours(features)
    assert got.shape == (3, FEATURES.get(kind, 64), OUT)
    assert projector_config(kind, IN, OUT).features(64) == got.shape[1]
    torch.testing.assert_close(got, expected, atol=1e-9, rtol=1e-9)


def test_an_odd_grid_loses_its_rim_in_the_pooling() -> None:
    theirs = random_original("pool_mlp2x_gelu")
    ours = copied("pool_mlp2x_gelu", theirs.state_dict())
    features = some_features(1, 49)
    assert ours(features).shape == (1, 9, OUT)
    torch.testing.assert_close(ours(features), theirs(features), atol=1e-9, rtol=1e-9)


def test_repeated_blocks_may_be_stored_once_or_under_every_number() -> None:
    theirs = random_original("simple_in2_out3")
    everywhere = theirs.state_dict()
    once = {key: value.detach() for key, value in theirs.named_parameters()}
    assert "block_out.5.norm1.weight" in everywhere
    assert "block_out.2.conv.1.bias" not in once
    features = some_features(1, 64)
    outputs = [copied("simple_in2_out3", tensors)(features) for tensors in (everywhere, once)]
    assert torch.equal(*outputs)


def test_a_number_beyond_the_repetitions_is_no_key_of_ours() -> None:
    with pytest.raises(CheckpointError, match="no part of this architecture"):
        network_table(PHI, "simple_in2_out3").ours(PREFIX + "block_in.4.conv.1.bias")


@pytest.mark.parametrize("kind", ["identity", *THEIRS])
def test_a_projectors_name_comes_back_from_its_sizes(kind: str) -> None:
    widths = (OUT, OUT) if kind == "identity" else (IN, OUT)
    config = projector_config(kind, *widths)
    # one linear layer with a number in its key and one without are the same network
    assert projector_kind(config) == ("linear" if kind == "mlp1x_gelu" else kind)
    assert projector_config(projector_kind(config), *widths) == config


@pytest.mark.parametrize(
    ("kind", "given", "left"),
    [
        ("mlp2x_gelu", 728, 728),
        ("pool_mlp2x_gelu", 576, 144),
        ("pool_mlp2x_gelu", 729, 169),
        ("simple_in1_out0", 576, 144),
        ("simple_in1_out1", 576, 100),
        ("qformer4_36", 728, 36),
    ],
)
def test_features_of_real_towers_are_counted(kind: str, given: int, left: int) -> None:
    assert projector_config(kind, 1024, 2560).features(given) == left


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("pool_mlp2x_gelu", 728, "728 vectors an image; CLIP gives a grid with select_feature"),
        ("simple_in1_out0", 577, "577 vectors"),
        ("simple_in0_out1", 16, "nothing is left of a grid of 4 x 4"),
    ],
)
def test_a_grid_that_is_none_is_refused(kind: str, given: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        projector_config(kind, 1024, 2560).features(given)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("mlp0x_gelu", "projector 'mlp0x_gelu' is none of identity, linear"),
        ("mlp2x_gelu_extra", "is none of"),
        ("qformer0_4", "Q-Former layers and queries must be at least 1"),
        ("qformer2_8", "attention heads 32 must divide bridge width 40"),
        ("simple_in1_out1", "norm groups 32 must divide bridge width 40"),
    ],
)
def test_impossible_projectors_are_refused(kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        projector_config(kind, 40, 40)


@pytest.mark.parametrize(
    ("kind", "features"), [("pool_mlp2x_gelu", 4), ("simple_in2_out0", 4), ("cheap_qformer3_5", 5)]
)
def test_a_checkpoint_with_such_a_projector_is_loaded_and_answers(
    golden: Path, tmp_path: Path, kind: str, features: int
) -> None:
    folder = shutil.copytree(golden / "phi", tmp_path / "phi")
    theirs = random_original(kind).float()
    tensors = load_file(folder / "model.safetensors")
    tensors = {key: value for key, value in tensors.items() if "mm_projector" not in key}
    # clone: repeated blocks are one tensor in memory, and here stored under every number
    own = {PREFIX + key: value.clone() for key, value in theirs.state_dict().items()}
    save_file(tensors | own, folder / "model.safetensors")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"image_projector_type": kind}))

    model = moe_llava.load(str(folder), device="cpu")
    pixels = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(15))
    network = model.engine.network
    assert network.vision is not None
    with torch.no_grad():
        expected, got = theirs(network.vision(pixels)), network.image_features(pixels)
    assert got.shape == (2, features, OUT)
    torch.testing.assert_close(got, expected, atol=1e-3, rtol=1e-4)
    asked = Request("q", Prompt.user(Image(folder / "image.png"), "What?"))
    (answer,) = model.generate(iter([asked]), Decoding(max_new_tokens=3))
    assert (answer.finish, answer.new_tokens) == ("length", 3)


@pytest.mark.parametrize("kind", ["pool_mlp2x_gelu", "simple_in1_out1", "qformer1_3"])
def test_a_whole_network_takes_as_many_positions_as_the_projector_gives(
    config: NetworkConfig, kind: str
) -> None:
    assert config.vision is not None
    vision = replace(config.vision, image_size=24)  # 6 x 6 patches
    projector = projector_config(kind, 16, 32)
    whole = replace(config, vision=vision, projector=projector)
    network = build_random(whole, torch.Generator().manual_seed(9)).eval()
    pixels = torch.randn(2, 3, 24, 24, generator=torch.Generator().manual_seed(10))
    prompt = torch.tensor([5, IMAGE_TOKEN, 6, IMAGE_TOKEN, 7])
    spliced = network.splice([prompt], pixels)
    assert spliced.embeds.shape[1] == 3 + 2 * projector.features(36)
    assert torch.isfinite(network(spliced.embeds).logits).all()


def test_a_tower_and_a_projector_that_do_not_fit_are_no_network(config: NetworkConfig) -> None:
    assert config.vision is not None
    pooled = projector_config("pool_mlp2x_gelu", 16, 32)
    with pytest.raises(ValueError, match="pools a square grid, but the tower gives 10 vectors"):
        replace(config, vision=replace(config.vision, select_feature="cls_patch"), projector=pooled)
