"""A projector, or what LoRA trained, with a base model is the model that was trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.schema import Decoding, Image, Prompt, Request

VOCABULARY = 412
TOKENIZER = ("vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json")
Split = Callable[[str], Path]


def tensors_of(folder: Path) -> dict[str, Tensor]:
    return dict(load_file(folder / "model.safetensors"))


def state(folder: Path, base: Path) -> dict[str, Tensor]:
    opened = open_checkpoint(str(folder), base=str(base))
    return dict(opened.load(VOCABULARY, torch.float32).state_dict())


@pytest.fixture
def split(golden: Path, tmp_path: Path) -> Split:
    """A function that splits a recorded checkpoint into tmp_path/base and a folder without it.

    The base is a plain language model: its config.json is another's, its head has a bias.
    """

    def take_apart(source: str) -> Path:
        tensors = tensors_of(golden / source)
        base, rest = tmp_path / "base", tmp_path / "rest"
        base.mkdir()
        rest.mkdir()
        language = {
            k: t for k, t in tensors.items() if "mm_projector" not in k and "tower" not in k
        }
        save_file(language | {"lm_head.bias": torch.ones(512)}, base / "model.safetensors")
        (base / "config.json").write_text('{"model_type": "phi"}')
        for name in (*TOKENIZER, "special_tokens_map.json"):
            shutil.copy(golden / source / name, base / name)
        shutil.copy(golden / source / "config.json", rest / "config.json")
        shutil.copytree(golden / source / "towers", rest / "towers")
        return rest

    return take_apart


def projector_of(folder: Path) -> dict[str, Tensor]:
    return {key: t for key, t in tensors_of(folder).items() if "mm_projector" in key}


@pytest.mark.parametrize("prefix", ["model.mm_projector.", "mm_projector.", "x.y.mm_projector."])
def test_a_projector_and_its_base_are_the_whole_model(
    golden: Path, split: Split, prefix: str
) -> None:
    rest = split("phi_dense")
    renamed = {
        key.replace("model.mm_projector.", prefix): tensor
        for key, tensor in projector_of(golden / "phi_dense").items()
    }
    torch.save(renamed, rest / "mm_projector.bin")
    expected = open_checkpoint(str(golden / "phi_dense")).load(VOCABULARY, torch.float32)
    got = state(rest, rest.parent / "base")
    assert got.keys() == expected.state_dict().keys()
    assert all(torch.equal(got[name], value) for name, value in expected.state_dict().items())


def test_it_answers_with_the_bases_tokenizer(golden: Path, split: Split) -> None:
    rest = split("phi_dense")
    torch.save(projector_of(golden / "phi_dense"), rest / "mm_projector.bin")
    request = Request("q", Prompt.user(Image(golden / "phi_dense" / "image.png"), "What?"))
    whole = moe_llava.load(str(golden / "phi_dense"), device="cpu")
    parts = moe_llava.load(str(rest), device="cpu", base=str(rest.parent / "base"))
    decoding = Decoding(max_new_tokens=5)
    assert list(parts.generate([request], decoding)) == list(whole.generate([request], decoding))


def test_without_a_base_the_option_is_named(golden: Path, split: Split) -> None:
    rest = split("phi_dense")
    torch.save(projector_of(golden / "phi_dense"), rest / "mm_projector.bin")
    with pytest.raises(CheckpointError, match=r"a projector only \(mm_projector\.bin\); .* base=F"):
        open_checkpoint(str(rest))
    with pytest.raises(CheckpointError, match=r"nowhere: no such folder"):
        open_checkpoint(str(rest), base="nowhere")
    with pytest.raises(CheckpointError, match=r"holds a whole model, so base=x has no use"):
        open_checkpoint(str(golden / "phi_dense"), base="x")


def test_a_base_of_other_sizes_is_named_with_its_file(golden: Path, split: Split) -> None:
    rest = split("phi_dense")
    torch.save(projector_of(golden / "phi_dense"), rest / "mm_projector.bin")
    base = rest.parent / "base" / "model.safetensors"
    tensors = dict(load_file(base))
    tensors["model.layers.0.mlp.fc1.weight"] = torch.ones(100, 64)
    save_file(tensors, base)
    with pytest.raises(CheckpointError, match=r"base/model\.safetensors: '.*fc1\.weight' has"):
        state(rest, rest.parent / "base")


def test_the_digest_follows_the_base_and_what_lies_on_it(golden: Path, split: Split) -> None:
    rest = split("phi_dense")
    projector = projector_of(golden / "phi_dense")
    torch.save(projector, rest / "mm_projector.bin")
    base = rest.parent / "base"
    digests = {open_checkpoint(str(rest), base=str(base)).digest}
    torch.save({key: tensor * 2 for key, tensor in projector.items()}, rest / "mm_projector.bin")
    digests.add(open_checkpoint(str(rest), base=str(base)).digest)
    (base / "merges.txt").write_text((base / "merges.txt").read_text() + "x y\n")
    digests.add(open_checkpoint(str(rest), base=str(base)).digest)
    tensors = dict(load_file(base / "model.safetensors"))
    save_file(tensors | {"lm_head.bias": torch.zeros(512)}, base / "model.safetensors")
    digests.add(open_checkpoint(str(rest), base=str(base)).digest)
    assert len(digests) == 4


def write_adapter(folder: Path, matrices: dict[str, Tensor], **settings: object) -> None:
    values = {"peft_type": "LORA", "r": 2, "lora_alpha": 6, "bias": "none"} | settings
    (folder / "adapter_config.json").write_text(json.dumps(values))
    save_file(matrices, folder / "adapter_model.safetensors")


def pair(path: str, out: int, into: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        f"base_model.model.{path}.lora_A.weight": torch.randn(2, into, generator=generator),
        f"base_model.model.{path}.lora_B.weight": torch.randn(out, 2, generator=generator),
    }


@pytest.mark.parametrize("prefix", ["", "base_model.model.", "base_model."])
def test_lora_with_what_else_was_trained_is_a_merge_by_hand(
    golden: Path, split: Split, prefix: str
) -> None:
    rest = split("phi_dense")
    path = "model.layers.1.self_attn.q_proj"
    matrices = pair(path, 64, 64) | pair("model.layers.0.mlp.fc1", 128, 64, 1)
    write_adapter(rest, matrices)
    projector = {prefix + k: t for k, t in projector_of(golden / "phi_dense").items()}
    torch.save(projector, rest / "non_lora_trainables.bin")
    got = state(rest, rest.parent / "base")
    expected = open_checkpoint(str(golden / "phi_dense")).load(VOCABULARY, torch.float32)
    a, b = (matrices[f"base_model.model.{path}.lora_{m}.weight"].double() for m in "AB")
    stored = tensors_of(golden / "phi_dense")[f"{path}.weight"].double()
    by_hand = stored + 3.0 * (b @ a)
    name = "decoder.blocks.1.attention.query.weight"
    assert torch.allclose(got[name].double(), by_hand, atol=1e-5)
    changed = {n for n, v in expected.state_dict().items() if not torch.equal(got[n], v)}
    assert changed == {name, "decoder.blocks.0.mlp.up.weight"}


def test_experts_are_adapted_one_by_one(golden: Path, split: Split) -> None:
    rest = split("phi")
    expert = "model.layers.2.mlp.deepspeed_moe.experts.deepspeed_experts.3.fc2"
    write_adapter(rest, pair(expert, 64, 128), use_rslora=True)
    torch.save(projector_of(golden / "phi"), rest / "non_lora_trainables.bin")
    got = state(rest, rest.parent / "base")
    expected = open_checkpoint(str(golden / "phi")).load(VOCABULARY, torch.float32).state_dict()
    a, b = pair(expert, 64, 128).values()
    name = "decoder.blocks.2.mlp.experts.3.down.weight"
    assert torch.allclose(got[name], expected[name] + 6 / 2**0.5 * (b @ a), atol=1e-5)
    assert {n for n in expected if not torch.equal(got[n], expected[n])} == {name}


def test_a_dense_base_becomes_the_experts_that_were_trained_on_it(
    golden: Path, split: Split
) -> None:
    rest = split("phi_dense")
    config = json.loads((rest / "config.json").read_text())
    config |= {"model_type": "moe_llava_phi"}
    config["moe"] = {"moe_layers_idx": [1], "num_experts": [3], "use_residual": False}
    (rest / "config.json").write_text(json.dumps(config))
    experts = "model.layers.1.mlp.deepspeed_moe.experts.deepspeed_experts."
    write_adapter(rest, pair(f"{experts}2.fc1", 128, 64))
    router = {"model.layers.1.mlp.deepspeed_moe.gate.wg.weight": torch.randn(3, 64)}
    torch.save(projector_of(golden / "phi_dense") | router, rest / "non_lora_trainables.bin")
    got = state(rest, rest.parent / "base")
    dense = tensors_of(golden / "phi_dense")["model.layers.1.mlp.fc1.weight"].float()
    a, b = pair("", 128, 64).values()
    mlp = "decoder.blocks.1.mlp."
    for expert in range(2):
        assert torch.equal(got[f"{mlp}experts.{expert}.up.weight"], dense)
    assert torch.allclose(got[f"{mlp}experts.2.up.weight"], dense + 3 * (b @ a), atol=1e-5)
    assert torch.equal(got[f"{mlp}router.weight"], next(iter(router.values())))


def test_an_adapter_beside_whole_weights_is_ambiguous(golden: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(golden / "phi_dense", tmp_path / "phi"))
    write_adapter(folder, pair("model.layers.0.mlp.fc1", 128, 64))
    with pytest.raises(CheckpointError, match="holds a LoRA adapter and whole weights"):
        open_checkpoint(str(folder))
