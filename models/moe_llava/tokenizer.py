"""What a tokenizer does here, and which one a checkpoint's folder holds.

Ids and texts are those of the slow classes of transformers 4.37, with which the published
checkpoints were trained and scored; today's fast ones differ in blanks and specials.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from lvlm_eval.errors import CheckpointError

from .fields import read_json


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


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in a checkpoint's folder; CheckpointError where it is of no known class."""
    config = read_json(folder / "tokenizer_config.json")
    kind = config.text("tokenizer_class", "").removesuffix("Fast")
    if kind == "CodeGenTokenizer":
        from .codegen import read_codegen

        return read_codegen(folder, config)
    if kind == "LlamaTokenizer":
        from .sentencepieces import read_llama

        return read_llama(folder, config)
    if kind in ("QWenTokenizer", "Arcade100kTokenizer"):
        from .rank_file import LAYOUTS, read_rank_tokenizer

        return read_rank_tokenizer(folder, LAYOUTS[kind])
    raise CheckpointError(f"{config.origin}: tokenizer_class {kind!r} is not known")
