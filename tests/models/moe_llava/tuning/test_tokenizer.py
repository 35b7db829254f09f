from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lvlm_eval.models.moe_llava.chat import ChatFormat
from lvlm_eval.models.moe_llava.tuning.tokenizer import END, UNKNOWN, save_tokenizer


@given(st.text(max_size=40))
def test_any_text_comes_back_from_its_ids(trained_tokenizer: Tokenizer, text: str) -> None:
    ids = trained_tokenizer.encode(text).ids
    assert trained_tokenizer.decode(ids, skip_special_tokens=False) == text


@given(st.text(max_size=40))
def test_the_files_read_back_give_the_same_ids(
    trained_tokenizer: Tokenizer, chat: ChatFormat, text: str
) -> None:
    assert chat.tokenizer.encode(text) == trained_tokenizer.encode(text).ids


def test_the_special_tokens_come_last_and_are_recognised_in_text(chat: ChatFormat) -> None:
    end, unknown = chat.tokenizer.size - 2, chat.tokenizer.size - 1
    assert chat.tokenizer.eos == chat.tokenizer.bos == end
    assert chat.tokenizer.pad == chat.tokenizer.unk == unknown
    assert chat.tokenizer.encode(f"{END}{UNKNOWN}") == [end, unknown]


def test_a_frequent_word_is_one_token_with_the_blank_before_it(chat: ChatFormat) -> None:
    assert len(chat.tokenizer.encode(" ASSISTANT")) == 1


def test_the_files_are_those_of_the_original_layout(
    trained_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    save_tokenizer(trained_tokenizer, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json",
        "special_tokens_map.json",
    }  # fmt: skip
    vocabulary = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert END in vocabulary
    assert UNKNOWN not in vocabulary
