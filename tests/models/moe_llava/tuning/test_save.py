from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from lvlm_eval.models.moe_llava.backbones import PHI
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.config import MoEConfig, NetworkConfig
from lvlm_eval.models.moe_llava.config_file import InputConfig
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN
from lvlm_eval.models.moe_llava.tokenizer import read_tokenizer
from lvlm_eval.models.moe_llava.tuning.save import Trained, save_checkpoint

from .conftest import MakeNetwork

TOWER = "openai/clip-tiny"


def _logits(network: Network) -> Tensor:
    pixels = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        spliced = network.splice([torch.tensor([5, IMAGE_TOKEN, 7, 8])], pixels)
        logits: Tensor = network(spliced.embeds).logits
    return logits


def _trained(config: NetworkConfig, make_network: MakeNetwork, tokenizer: Tokenizer) -> Trained:
    decoder = replace(config.decoder, vocab_size=tokenizer.get_vocab_size())
    config = replace(config, decoder=decoder)
    network = make_network(config)
    return Trained(network, config, PHI, InputConfig(TOWER, aspect_ratio="pad"), tokenizer)


@pytest.mark.parametrize(
    "moe", [None, MoEConfig((0, 2), (4, 4)), MoEConfig((1,), (2,), residual=True)]
)
def test_a_saved_network_reads_back_with_the_same_logits(
    moe: MoEConfig | None,
    dense: NetworkConfig,
    make_network: MakeNetwork,
    trained_tokenizer: Tokenizer,
    tmp_path: Path,
) -> None:
    trained = _trained(replace(dense, moe=moe), make_network, trained_tokenizer)
    save_checkpoint(trained, tmp_path, torch.float32)
    checkpoint = open_checkpoint(str(tmp_path))
    size = read_tokenizer(tmp_path).size
    assert checkpoint.network_config(size) == trained.config
    loaded = checkpoint.load(size, torch.float32)
    assert torch.equal(_logits(loaded), _logits(trained.network))


def test_half_precision_is_the_default_and_says_so(
    dense: NetworkConfig, make_network: MakeNetwork, trained_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    trained = _trained(dense, make_network, trained_tokenizer)
    save_checkpoint(trained, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["torch_dtype"] == "bfloat16"
    assert config["architectures"] == ["LlavaPhiForCausalLM"]
    loaded = open_checkpoint(str(tmp_path)).load(config["vocab_size"], torch.float32)
    expected = trained.network.get_parameter("decoder.head.weight").bfloat16().float()
    assert torch.equal(loaded.get_parameter("decoder.head.weight"), expected)


def test_the_tower_is_a_clip_vision_model_for_other_readers(
    dense: NetworkConfig, make_network: MakeNetwork, trained_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    from transformers import CLIPVisionModel

    trained = _trained(dense, make_network, trained_tokenizer)
    save_checkpoint(trained, tmp_path, torch.float32)
    theirs, report = CLIPVisionModel.from_pretrained(
        str(tmp_path / "towers" / TOWER), output_loading_info=True
    )
    assert not report["missing_keys"]
    pixels = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        states = theirs(pixels, output_hidden_states=True).hidden_states
        assert trained.network.vision is not None
        ours = trained.network.vision(pixels)
    torch.testing.assert_close(ours, states[-2][:, 1:], atol=2e-5, rtol=0)
