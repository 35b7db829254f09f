"""Llama's tokenizer with added tokens, against pieces put together by hand and today's class."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.tokenizer import Tokenizer, read_tokenizer
from lvlm_eval.schema import JSON

LLAMA = Path(__file__).parents[2] / "data" / "tokenizers" / "llama"
PIECES = read_tokenizer(LLAMA)
ADDED = ("<|end_of_turn|>", "<image>")


def with_added(folder: Path, **values: JSON) -> Tokenizer:
    """The tokenizer with ADDED after its pieces, the first of them special."""
    shutil.copytree(LLAMA, folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    for place, name in enumerate(ADDED):
        entry = {"content": name, "special": place == 0, "normalized": False}
        config["added_tokens_decoder"][str(PIECES.size + place)] = entry
    (folder / "tokenizer_config.json").write_text(json.dumps(config | values))
    return read_tokenizer(folder)


def test_added_tokens_follow_the_pieces_and_are_cut_out_of_a_text(tmp_path: Path) -> None:
    tokenizer = with_added(tmp_path / "llama")
    turn, image = PIECES.size, PIECES.size + 1
    assert tokenizer.size == PIECES.size + 2
    ids = tokenizer.encode("hello<|end_of_turn|>you <image>")
    assert ids == [*PIECES.encode("hello"), turn, *PIECES.encode("you "), image]
    assert tokenizer.decode(ids, skip_special=False) == "hello<|end_of_turn|>you <image>"
    assert tokenizer.decode(ids, skip_special=True) == "hello you <image>"


def test_older_folders_list_them_in_a_file_of_their_own(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(LLAMA, tmp_path / "llama"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["added_tokens_decoder"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "added_tokens.json").write_text(json.dumps({ADDED[1]: 501, ADDED[0]: 500}))
    with pytest.raises(CheckpointError, match=r"ids \[500, 501\] do not follow the 480 pieces"):
        read_tokenizer(folder)
    listed = {name: PIECES.size + place for place, name in enumerate(ADDED)}
    (folder / "added_tokens.json").write_text(json.dumps(listed))
    tokenizer = read_tokenizer(folder)
    assert tokenizer.encode(ADDED[1]) == [PIECES.size + 1]


def test_blanks_that_an_added_token_takes_with_it_are_no_pieces(tmp_path: Path) -> None:
    taking: JSON = {str(PIECES.size): {"content": "<x>", "lstrip": True, "rstrip": True}}
    tokenizer = with_added(tmp_path / "llama", added_tokens_decoder=taking)
    expected = [*PIECES.encode("a"), PIECES.size, *PIECES.encode("b")]
    assert tokenizer.encode("a <x>  b") == expected


def test_without_legacy_only_the_beginning_has_a_word_boundary_put_before_it(
    tmp_path: Path,
) -> None:
    tokenizer = with_added(tmp_path / "llama", legacy=False)
    ids = tokenizer.encode("hello<|end_of_turn|>hello\n<image> you")
    turn, image = PIECES.size, PIECES.size + 1
    assert ids == [*PIECES.encode("hello"), turn, *bare("hello\n"), image, *bare(" you")]
    assert tokenizer.encode("<image>hello") == [image, *bare("hello")]
    assert tokenizer.encode("hello") == PIECES.encode("hello") != bare("hello")


def bare(text: str) -> list[int]:
    """Ids without a word boundary: a line break is never part of a longer piece."""
    return PIECES.encode(f"\n{text}")[len(PIECES.encode("\n")) :]


def test_a_role_that_is_no_token_is_left_to_the_unknown_one(tmp_path: Path) -> None:
    tokenizer = with_added(tmp_path / "llama", pad_token="<nothing>")
    assert tokenizer.pad == PIECES.pad
