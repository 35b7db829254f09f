"""A tokenizer's files carried over, with or without the picture's placeholder among its tokens.

transformers' LLaVA needs `<image>` to be a token; the original cuts a prompt there before any
tokenizer sees it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend
from tokenizers.decoders import ByteLevel

from lvlm_eval.schema import JSON

from ..codegen import CodeGenTokenizer
from ..fields import read_json
from ..json_tokenizer import JsonTokenizer
from ..tokenizer import read_tokenizer
from .chat_template import CHAT_TEMPLATE

IMAGE = "<image>"
TOKENIZER_JSON = "tokenizer.json"
FILES = (
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "tokenizer.json", "tokenizer.model", "qwen.tiktoken", "arcade100k.tiktoken",
    "generation_config.json", "chat_template.jinja", "chat_template.json",
)  # fmt: skip
_ENTRY: Mapping[str, JSON] = {
    "content": IMAGE,
    "lstrip": False,
    "normalized": False,
    "rstrip": False,
    "single_word": False,
    "special": True,
}


def copy_tokenizer(source: Path, target: Path, left_out: Sequence[str] = ()) -> None:
    """Copies what there is of a tokenizer's files and of the settings of generation."""
    for name in FILES:
        if (source / name).is_file() and name not in left_out:
            shutil.copyfile(source / name, target / name)


def missing_files(folder: Path) -> Iterator[str]:
    """What transformers wants of a LLaVA's tokenizer and a folder of the original's lacks."""
    if not (folder / TOKENIZER_JSON).is_file():
        yield TOKENIZER_JSON
    if not any((folder / name).is_file() for name in (CHAT_TEMPLATE, "chat_template.json")):
        yield CHAT_TEMPLATE


def make_tokenizer_json(folder: Path) -> None:
    """Writes tokenizer.json for a copied byte-level BPE that has none.

    transformers 5 reads the tokenizer of a LLaVA from nothing else, or from a sentencepiece
    model. For files of ranks, which it has no class for, none is made.
    """
    file = folder / "tokenizer.json"
    tokenizer = read_tokenizer(folder)
    if file.is_file():
        return
    if isinstance(tokenizer, JsonTokenizer):
        tokenizer.backend.save(str(file))
    elif isinstance(tokenizer, CodeGenTokenizer):
        backend = Backend.from_str(tokenizer.bpe.to_str())
        backend.decoder = ByteLevel()
        for text, number in sorted(tokenizer.added.items(), key=lambda item: item[1]):
            special = number in tokenizer.special
            backend.add_tokens([AddedToken(text, normalized=False, special=special)])
        backend.save(str(file))


def add_image_token(folder: Path, number: int) -> None:
    """Adds `<image>` under the id to a copied tokenizer, in each file that lists added tokens.

    Classes that are read from a file of ranks know no added tokens; transformers has none of
    them, and the placeholder's id is in config.json all the same.
    """
    config = dict(read_json(folder / "tokenizer_config.json").values)
    listed, entry = folder / "added_tokens.json", dict(_ENTRY)
    if "added_tokens_decoder" in config or not listed.is_file():
        decoder = cast("dict[str, JSON]", config.get("added_tokens_decoder") or {})
        _write(
            folder / "tokenizer_config.json",
            config | {"added_tokens_decoder": {**decoder, str(number): entry}},
        )
    if listed.is_file():
        _write(listed, {**read_json(listed).values, IMAGE: number})
    if (folder / "tokenizer.json").is_file():
        whole = dict(read_json(folder / "tokenizer.json").values)
        tokens = cast("list[JSON]", whole.get("added_tokens") or [])
        _write(
            folder / "tokenizer.json",
            whole | {"added_tokens": [*tokens, {"id": number, **_ENTRY}]},
        )


def drop_image_token(folder: Path) -> None:
    """Takes out of a copied tokenizer what `add_image_token` put in."""
    file = folder / "tokenizer_config.json"
    config = dict(read_json(file).values)
    decoder = cast("dict[str, dict[str, JSON]]", config.get("added_tokens_decoder") or {})
    rest = {number: entry for number, entry in decoder.items() if entry["content"] != IMAGE}
    if len(rest) < len(decoder):
        _write(file, config | {"added_tokens_decoder": cast("JSON", rest)})
    listed = folder / "added_tokens.json"
    if listed.is_file():
        values = read_json(listed).values
        _write(listed, {key: value for key, value in values.items() if key != IMAGE})
    if (folder / "tokenizer.json").is_file():
        whole = dict(read_json(folder / "tokenizer.json").values)
        tokens = cast("list[dict[str, JSON]]", whole.get("added_tokens") or [])
        kept = [token for token in tokens if token["content"] != IMAGE]
        _write(folder / "tokenizer.json", whole | {"added_tokens": cast("JSON", kept)})


def _write(file: Path, values: Mapping[str, JSON]) -> None:
    file.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
