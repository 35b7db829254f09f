"""CodeGen's tokenizer against recorded cases and today's fast class."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.tokenizer import CodeGenTokenizer, read_tokenizer

FOLDER = Path(__file__).parents[2] / "data" / "golden" / "moe_llava" / "phi"


@cache
def read_once() -> CodeGenTokenizer:
    return read_tokenizer(FOLDER)


@cache
def fast_class() -> Callable[[str], Mapping[str, list[int]]]:
    from transformers import CodeGenTokenizer as Fast

    loaded: Callable[[str], Mapping[str, list[int]]] = Fast.from_pretrained(FOLDER)
    return loaded


def fast_ids(text: str) -> list[int]:
    return fast_class()(text)["input_ids"]


@pytest.fixture
def tokenizer() -> CodeGenTokenizer:
    return read_once()


def test_recorded_cases_have_the_recorded_ids_and_texts(tokenizer: CodeGenTokenizer) -> None:
    for case in json.loads((FOLDER / "golden.json").read_text())["tokenizer_cases"]:
        assert tokenizer.encode(case["text"]) == case["ids"]
        assert tokenizer.decode(case["ids"], skip_special=False) == case["decoded"]
        assert tokenizer.decode(case["ids"], skip_special=True) == case["decoded_skip"]


def test_special_ids_are_those_of_the_saved_map(tokenizer: CodeGenTokenizer) -> None:
    assert (tokenizer.size, tokenizer.bos, tokenizer.eos) == (412, 400, 400)
    assert (tokenizer.pad, tokenizer.unk, tokenizer.add_bos) == (411, 411, False)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab é中\n\t .'<|>?endoftxUSER129😀"), max_size=30))
def test_ids_equal_those_of_the_fast_class(text: str) -> None:
    assert read_once().encode(text) == fast_ids(text)


@given(st.text(alphabet="abcXYZ 019,;中é\n", max_size=30).filter(lambda text: "  " not in text))
def test_text_without_runs_of_blanks_comes_back(text: str) -> None:
    decoded = read_once().decode(read_once().encode(text), skip_special=False)
    assert decoded == text.replace(" ,", ",")  # the clean-up that the saved folder asks for


def test_clean_up_closes_the_gap_before_punctuation(tokenizer: CodeGenTokenizer) -> None:
    ids = tokenizer.encode("do n't stop , he 's here .")
    assert tokenizer.decode(ids, skip_special=True) == "don't stop, he's here."


def test_bytes_that_are_no_text_become_replacement_characters(tokenizer: CodeGenTokenizer) -> None:
    euro = tokenizer.encode("€")
    assert len(euro) == 3
    assert tokenizer.decode(euro[:2], skip_special=True) == "\ufffd"


def test_a_folder_with_another_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "phi"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    broken = config | {"tokenizer_class": "QWenTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(broken))
    with pytest.raises(CheckpointError, match="tokenizer_class 'QWenTokenizer' is not known"):
        read_tokenizer(folder)


def test_ids_with_a_gap_are_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "phi"))
    vocabulary = json.loads((folder / "vocab.json").read_text())
    del vocabulary["a"]
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    with pytest.raises(CheckpointError, match=r"ids are not 0\.\.410"):
        read_tokenizer(folder)


def test_older_folders_list_added_tokens_in_a_file_of_their_own(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "phi"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["added_tokens_decoder"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    older, newer = read_tokenizer(folder), read_once()
    text = "  two  blanks<|endoftext|><|extra_0|>\t\t"
    assert older.encode(text) == newer.encode(text)
    ids = newer.encode(text)
    assert older.decode(ids, skip_special=True) == newer.decode(ids, skip_special=True)
