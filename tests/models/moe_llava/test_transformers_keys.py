"""transformers' own LLaVA folders: the same logits and answers as its own classes give."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.engine.engine import Engine
from lvlm_eval.models.moe_llava.engine.sequence import Picture, Question
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN
from lvlm_eval.schema import Decoding

from . import tiny_llava

TEXTS = ("llama", "phi", "stablelm", "mistral", "qwen2")


def load(folder: Path) -> Network:
    return open_checkpoint(str(folder)).load(tiny_llava.VOCABULARY, torch.float32)


def ids() -> list[int]:
    before, after, _ = tiny_llava.prompt()
    return [*before, IMAGE_TOKEN, *after]


def logits(network: Network) -> Tensor:
    """(T, V) of the prompt."""
    with torch.no_grad():
        spliced = network.splice([torch.tensor(ids())], tiny_llava.prompt()[2])
        found: Tensor = network(spliced.embeds, spliced.valid).logits[0]
    return found


def answer(network: Network, length: int, ends: Sequence[int]) -> list[int]:
    """Greedy ids, ended by the given ones or after so many."""
    engine = Engine(network, lambda found, extra: found[-1] in ends)
    question = Question("q", tuple(ids()), (Picture("p", tiny_llava.prompt()[2][0]),))
    [finished] = engine.run([question], Decoding(length))
    return list(finished.new_token_ids)


@pytest.mark.parametrize("text", TEXTS)
def test_logits_and_greedy_answers_are_those_of_transformers(text: str, tmp_path: Path) -> None:
    siglip = text == "phi"
    model = tiny_llava.make(text, siglip=siglip, strategy="full" if siglip else "default")
    network = load(tiny_llava.save(model, tmp_path / text))
    expected = tiny_llava.their_logits(model, 9)
    assert (logits(network) - expected).abs().max() < 2e-4
    ends = [model.generation_config.eos_token_id]
    assert answer(network, 12, ends) == tiny_llava.their_answer(model, 9, 12)


def older(key: str) -> str:
    return key.replace("vision_tower.", "vision_tower.vision_model.")


def newer(key: str) -> str:
    """The names in memory since transformers 4.52."""
    key = key.replace("language_model.model.", "model.language_model.")
    key = key.replace("language_model.lm_head", "lm_head")
    inside = ("vision_tower.", "multi_modal_projector.")
    return f"model.{key}" if key.startswith(inside) else key


@pytest.mark.parametrize("rename", [older, newer, lambda key: newer(older(key))])
def test_every_generation_of_keys_gives_the_same_weights(
    rename: Callable[[str], str], tmp_path: Path
) -> None:
    folder = tiny_llava.save(tiny_llava.make("llama"), tmp_path / "llava")
    expected = load(folder).state_dict()
    tensors = load_file(folder / "model.safetensors")
    renamed = {rename(key): tensor for key, tensor in tensors.items()}
    assert renamed.keys() != tensors.keys()
    save_file(renamed, folder / "model.safetensors")
    got = load(folder).state_dict()
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_a_key_nobody_knows_is_an_error(tmp_path: Path) -> None:
    folder = tiny_llava.save(tiny_llava.make("llama"), tmp_path / "llava")
    tensors = load_file(folder / "model.safetensors")
    tensors["multi_modal_projector.linear_3.weight"] = torch.ones(2, 2)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"linear_3\.weight', which is no part"):
        load(folder)


def test_a_tokenizer_longer_than_the_stored_rows_is_an_error(tmp_path: Path) -> None:
    folder = tiny_llava.save(tiny_llava.make("llama"), tmp_path / "llava")
    with pytest.raises(CheckpointError, match="the tokenizer has 70 tokens, vocab_size is 64"):
        open_checkpoint(str(folder)).load(70, torch.float32)


def test_more_stored_rows_than_vocab_size_are_an_error_and_not_cut(tmp_path: Path) -> None:
    folder = tiny_llava.save(tiny_llava.make("llama"), tmp_path / "llava")
    tensors = load_file(folder / "model.safetensors")
    key = next(key for key in tensors if key.endswith("lm_head.weight"))
    tensors[key] = torch.cat([tensors[key], torch.ones(1, 32)])
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"has shape \[65, 32\]; .* vocab_size 64"):
        load(folder)


def test_rows_that_are_no_tokens_are_no_answers(tmp_path: Path) -> None:
    folder = tiny_llava.save(tiny_llava.make("llama"), tmp_path / "llava")
    whole, cut = load(folder), open_checkpoint(str(folder)).load(50, torch.float32)
    assert torch.equal(logits(cut), logits(whole)[:, :50])


def test_the_processor_is_the_folders_own_alone_or_within_the_joint_file(tmp_path: Path) -> None:
    folder = tiny_llava.save(tiny_llava.make("llama"), tmp_path / "llava")
    opened = open_checkpoint(str(folder))
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json: no such file"):
        opened.processor_fields()
    joint = {"image_processor": {"do_pad": True}, "patch_size": 4}
    (folder / "processor_config.json").write_text(json.dumps(joint))
    fields = opened.processor_fields()
    assert fields is not None
    assert fields.flag("do_pad")
    (folder / "preprocessor_config.json").write_text('{"do_pad": false}')
    fields = opened.processor_fields()
    assert fields is not None
    assert not fields.flag("do_pad", True)
