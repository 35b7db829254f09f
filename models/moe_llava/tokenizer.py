"""What a tokenizer does here, and which one a checkpoint's folder holds.

Ids and texts are those of the slow classes of transformers 4.37, with which the published
checkpoints were trained and scored; today's fast ones differ in blanks and specials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lvlm_eval.errors import CheckpointError

from .fields import Fields, read_json


class Tokenizer(Protocol):
    """Text to ids and back. kind: the original's class. size: ids are 0..size-1.
    bos, eos, pad, unk are ids, bos None where there is none.

       add_bos: a prompt starts with bos.
    """

    @property
    def kind(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def bos(self) -> int | None: ...
    @property
    def eos(self) -> int: ...
    @property
    def pad(self) -> int: ...
    @property
    def unk(self) -> int: ...
    @property
    def add_bos(self) -> bool: ...

    def encode(self, text: str) -> list[int]:
        """Ids of a piece of text, without bos; special tokens written in it are recognised."""
        ...

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """The text; not stripped."""
        ...


# Files of which a class needs all of one row; the first row that is there is read.
_FILES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "CodeGenTokenizer": (("vocab.json", "merges.txt"), ("tokenizer.json",)),
    "LlamaTokenizer": (("tokenizer.model",), ("tokenizer.json",)),
    "Qwen2Tokenizer": (("vocab.json", "merges.txt"), ("tokenizer.json",)),
    # StableLM 2's: tokenizer.json has the splitting it was trained with, the class has GPT-2's
    "GPT2Tokenizer": (("tokenizer.json",), ("vocab.json", "merges.txt")),
    "PreTrainedTokenizer": (("tokenizer.json",),),
    "TokenizersBackend": (("tokenizer.json",),),
    "QWenTokenizer": (("qwen.tiktoken",),),
    "Arcade100kTokenizer": (("arcade100k.tiktoken",),),
}


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in a checkpoint's folder; CheckpointError where it is of no known class.

    tokenizer.json is read where there is no file of the slow class.
    """
    config = read_json(folder / "tokenizer_config.json")
    kind = config.text("tokenizer_class", "").removesuffix("Fast")
    if kind not in _FILES:
        known = ", ".join(_FILES)
        raise CheckpointError(
            f"{config.origin}: tokenizer_class {kind!r} is not known; there are {known}"
        )
    rows = _FILES[kind]
    found = next((row for row in rows if all((folder / name).is_file() for name in row)), None)
    if found is None:
        wanted = ", or ".join(" and ".join(row) for row in rows)
        raise CheckpointError(f"{folder}: a {kind} is read from {wanted}; put that there")
    return _read(folder, config, kind, found[0])


def _read(folder: Path, config: Fields, kind: str, file: str) -> Tokenizer:
    if file.endswith(".tiktoken"):
        from .rank_file import LAYOUTS, read_rank_tokenizer

        return read_rank_tokenizer(folder, LAYOUTS[kind])
    if file == "tokenizer.model":
        from .sentencepieces import read_llama

        return read_llama(folder, config)
    if file == "vocab.json" and kind == "CodeGenTokenizer":
        from .codegen import read_codegen

        return read_codegen(folder, config)
    from .json_tokenizer import read_bpe_files, read_json_tokenizer

    read = read_json_tokenizer if file == "tokenizer.json" else read_bpe_files
    return read(folder, config, kind)
