"""Every tokenizer against its recorded ids and texts."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.chat import TEMPLATES, ChatFormat
from lvlm_eval.models.moe_llava.tokenizer import Tokenizer, read_tokenizer
from lvlm_eval.schema import JSON

DATA = Path(__file__).parents[2] / "data"
RECORDED = {
    "phi": DATA / "golden" / "moe_llava" / "phi" / "golden.json",
    "qwen": DATA / "golden" / "moe_llava" / "qwen" / "golden.json",
    "stablelm": DATA / "golden" / "moe_llava" / "stablelm" / "golden.json",
    "v1": DATA / "tokenizers" / "llama" / "recorded.json",
}


def read(template: str) -> tuple[ChatFormat, dict[str, JSON]]:
    file = RECORDED[template]
    tokenizer = read_tokenizer(file.parent)
    return ChatFormat(TEMPLATES[template], tokenizer), json.loads(file.read_text())


@pytest.mark.parametrize("template", list(RECORDED))
def test_recorded_cases_have_the_recorded_ids_and_texts(template: str) -> None:
    chat, recorded = read(template)
    cases = recorded["tokenizer_cases"]
    assert isinstance(cases, list)
    assert len(cases) == 5
    for case in cases:
        assert isinstance(case, dict)
        ids = chat.encode_pieces([str(case["text"])])
        assert ids == case["ids"]
        assert chat.tokenizer.decode(ids, skip_special=False) == case["decoded"]
        assert chat.tokenizer.decode(ids, skip_special=True) == case["decoded_skip"]


@pytest.mark.parametrize("template", list(RECORDED))
def test_prompts_have_the_recorded_ids(template: str) -> None:
    chat, recorded = read(template)
    assert chat.encode_pieces(str(recorded["prompt"]).split("<image>")) == recorded["prompt_ids"]


@pytest.mark.parametrize("template", list(RECORDED))
def test_special_ids_and_sizes_are_the_recorded_ones(template: str) -> None:
    chat, recorded = read(template)
    own: Tokenizer = chat.tokenizer
    assert recorded["tokenizer"] == {
        "len": own.size,
        "bos": own.bos,
        "eos": own.eos,
        "pad": own.pad,
        "unk": own.unk,
        "cls": own.kind,
    }


def test_specials_written_in_a_text_are_cut_out_before_sentencepiece() -> None:
    tokenizer = read("v1")[0].tokenizer
    ids = tokenizer.encode("a </s>b")
    assert ids.count(tokenizer.eos) == 1
    assert tokenizer.decode(ids, skip_special=False) == "a </s>b"
    assert tokenizer.encode("") == []


def test_the_unused_id_before_stablelms_specials_decodes_to_nothing() -> None:
    tokenizer = read("stablelm")[0].tokenizer
    ids = [tokenizer.eos - 1, *tokenizer.encode("a"), tokenizer.eos]
    assert tokenizer.decode(ids, skip_special=True) == "a"
    assert tokenizer.decode(ids, skip_special=False) == "a<|endoftext|>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the configuration of a tokenizer of ranks, and no ranks."""
    config = RECORDED["qwen"].parent / "tokenizer_config.json"
    shutil.copy(config, tmp_path / "tokenizer_config.json")
    return tmp_path


def test_another_class_is_refused(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    with pytest.raises(
        CheckpointError, match="tokenizer_class 'BertTokenizer' is not known; there are CodeGen"
    ):
        read_tokenizer(folder)


def test_missing_or_damaged_rank_files_are_named(folder: Path) -> None:
    file = folder / "qwen.tiktoken"
    with pytest.raises(CheckpointError, match=r"is read from qwen\.tiktoken; put that"):
        read_tokenizer(folder)
    file.write_text("YQ== one\n")
    with pytest.raises(CheckpointError, match="no list of base64 tokens"):
        read_tokenizer(folder)
    file.write_text(f"{base64.b64encode(b'a').decode()} 1\n")
    with pytest.raises(CheckpointError, match="ranks are not 0, 1, 2"):
        read_tokenizer(folder)


def test_a_missing_or_damaged_sentencepiece_model_is_named(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(RECORDED["v1"].parent, tmp_path / "llama"))
    (folder / "tokenizer.model").write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointError, match=r"tokenizer\.model: no sentencepiece model"):
        read_tokenizer(folder)
    (folder / "tokenizer.model").unlink()
    with pytest.raises(CheckpointError, match=r"is read from tokenizer\.model, or tokenizer\.json"):
        read_tokenizer(folder)
