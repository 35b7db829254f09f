"""Folders of transformers are read as they are, or refused in one line that says what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lvlm_eval.errors import CheckpointError
from lvlm_eval.model_spec import parse_model
from lvlm_eval.models.hf import load, recognises

from .asking import ask, open_tiny, questions
from .conftest import Folders


@pytest.fixture
def own(checkpoint: Folders, tmp_path: Path) -> Path:
    """A copy of the tiny LLaVA that a test may change."""
    return Path(shutil.copytree(checkpoint("llava"), tmp_path / "own"))


def test_configurations_of_pictures_and_text_are_recognised() -> None:
    both = {"architectures": ["Qwen2VLForConditionalGeneration"], "vision_config": {}}
    assert recognises(both)
    assert not recognises(both | {"vision_config": None})
    assert not recognises(both | {"architectures": ["Qwen2ForCausalLM"]})
    assert not recognises({})


def test_an_adapter_made_for_a_model_goes_before_this_one(checkpoint: Folders) -> None:
    assert parse_model(str(checkpoint("qwen2_vl"))).adapter == "hf"
    assert parse_model(str(checkpoint("llava"))).adapter == "moe_llava"
    assert parse_model(f"hf:{checkpoint('llava')}").adapter == "hf"


def test_a_model_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"bring it .*: lvlm-eval fetch someone/nothing"):
        load("someone/nothing")
    with pytest.raises(CheckpointError, match="give a folder that is there"):
        load(str(tmp_path / "gone"))


def test_a_folder_without_a_chat_template_says_where_to_put_one(own: Path) -> None:
    (own / "chat_template.jinja").unlink()
    with pytest.raises(CheckpointError, match=r"no chat template.*into chat_template\.jinja"):
        load(str(own))


def test_the_tokenizers_template_counts_where_the_processor_has_none(
    own: Path, checkpoint: Folders
) -> None:
    template = (own / "chat_template.jinja").read_text()
    (own / "chat_template.jinja").unlink()
    file = own / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chat_template": template}))
    assert ask(open_tiny(own), questions()) == ask(open_tiny(checkpoint("llava")), questions())


def test_a_model_without_pictures_is_refused(own: Path) -> None:
    (own / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(CheckpointError, match="'llama' is no image-text-to-text model"):
        load(str(own))
    (own / "config.json").write_text(json.dumps({"model_type": "no such thing"}))
    with pytest.raises(CheckpointError, match="no such thing"):
        load(str(own))


def test_code_that_lies_in_a_folder_is_not_run(own: Path) -> None:
    code = 'import pathlib\npathlib.Path(__file__).with_name("ran").touch()\n'
    (own / "modeling_own.py").write_text(code)
    own_code = {"AutoConfig": "modeling_own.C", "AutoModelForImageTextToText": "modeling_own.M"}
    config = {"model_type": "own", "auto_map": own_code}
    (own / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="own"):
        load(str(own))
    assert not (own / "ran").exists()


def test_missing_tensors_are_an_error_and_not_random_numbers(own: Path) -> None:
    file = own / "model.safetensors"
    tensors = load_file(file)
    del tensors[next(key for key in tensors if key.endswith("linear_1.weight"))]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lack 1 tensors of Llava.*linear_1\.weight"):
        ask(open_tiny(own), questions())


def test_torch_files_are_read_as_tensors_alone(own: Path, checkpoint: Folders) -> None:
    expected = ask(open_tiny(checkpoint("llava")), questions())
    torch.save(load_file(own / "model.safetensors"), own / "pytorch_model.bin")
    (own / "model.safetensors").unlink()
    assert ask(open_tiny(own), questions()) == expected
    torch.save({"lm_head.weight": Path("x")}, own / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="asks for more than tensors"):
        ask(open_tiny(own), questions())
    (own / "pytorch_model.bin").unlink()
    with pytest.raises(CheckpointError, match="no weights; wanted"):
        load(str(own))


def test_weights_settings_and_template_are_in_the_digest(own: Path) -> None:
    digests = {load(str(own)).describe()["weights"]}
    for name in ("chat_template.jinja", "generation_config.json"):
        file = own / name
        file.write_text(file.read_text() + "\n")
        digests.add(load(str(own)).describe()["weights"])
    assert len(digests) == 3
