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
from lvlm_eval.models.moe_llava.tokenizer import Tokenizer, read_tokenizer

FOLDER = Path(__file__).parents[2] / "data" / "golden" / "moe_llava" / "phi"


@cache
def read_once() -> Tokenizer:
    return read_tokenizer(FOLDER)


@cache
def fast_class() -> Callable[[str], Mapping[str, list[int]]]:
    from transformers import CodeGenTokenizer as Fast

    loaded: Callable[[str], Mapping[str, list[int]]] = Fast.from_pretrained(FOLDER)
    return loaded


@pytest.fixture
def tokenizer() -> Tokenizer:
    return read_once()


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab é中\n\t .'<|>?endoftxUSER129😀"), max_size=30))
def test_ids_equal_those_of_the_fast_class(text: str) -> None:
    assert read_once().encode(text) == fast_class()(text)["input_ids"]


@settings(deadline=None)
@given(st.text(alphabet="abcXYZ 019,;中é\n", max_size=30).filter(lambda text: "  " not in text))
def test_text_without_runs_of_blanks_comes_back(text: str) -> None:
    decoded = read_once().decode(read_once().encode(text), skip_special=False)
    assert decoded == text.replace(" ,", ",")  # the clean-up that the saved folder asks for


def test_the_longest_run_of_blanks_is_one_token_and_decodes_with_blanks_around(
    tokenizer: Tokenizer,
) -> None:
    ids = tokenizer.encode("a    b")
    assert len(ids) == 3
    assert tokenizer.decode(ids, skip_special=True) == "a      b"


def test_clean_up_closes_the_gap_before_punctuation(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("do n't stop , he 's here .")
    assert tokenizer.decode(ids, skip_special=True) == "don't stop, he's here."


def test_bytes_that_are_no_text_become_replacement_characters(tokenizer: Tokenizer) -> None:
    euro = tokenizer.encode("€")
    assert len(euro) == 3
    assert tokenizer.decode(euro[:2], skip_special=True) == "\ufffd"


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
    ids = newer.encode("  two  blanks<|endoftext|><|extra_0|>\t\t")
    assert older.encode("  two  blanks<|endoftext|><|extra_0|>\t\t") == ids
    assert older.decode(ids, skip_special=True) == newer.decode(ids, skip_special=True)
