"""Llama's tokenizer (llama, vicuna, mistral): a sentencepiece model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from lvlm_eval.errors import CheckpointError

from .fields import Fields
from .special_tokens import special_names

_BOUNDARY = "\u2581"  # sentencepiece's mark for a blank before a word


@dataclass(frozen=True, slots=True)
class LlamaTokenizer:
    """specials: their text to ids; they are cut out of a text before it is split to pieces."""

    size: int
    bos: int
    eos: int
    pad: int
    unk: int
    pieces: SentencePieceProcessor
    specials: dict[str, int]
    add_bos: bool = True
    kind: str = "LlamaTokenizer"

    def encode(self, text: str) -> list[int]:
        """Ids; each stretch between specials gets a word boundary before it."""
        ids: list[int] = []
        pattern = "|".join(map(re.escape, self.specials))
        for part in re.split(f"({pattern})", text):
            known = self.specials.get(part)
            ids += [known] if known is not None else (self.pieces.encode(part) if part else [])
        return ids

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """The text; at its very beginning two boundaries are dropped and not one, as there."""
        names = {number: name for name, number in self.specials.items()}
        if skip_special:
            ids = [number for number in ids if number not in names]
        tokens = [self.pieces.id_to_piece(int(number)) for number in ids]
        if tokens and tokens[0].startswith(_BOUNDARY):
            tokens[0] = tokens[0][1:]
        text, run = "", list[str]()
        for number, token in zip(ids, tokens, strict=True):
            if number in names:
                text, run = text + self._text(run) + names[number], []
            else:
                run.append(token)
        return text + self._text(run)

    def _text(self, tokens: Sequence[str]) -> str:
        return str(self.pieces.decode(list(tokens)))


def read_llama(folder: Path, config: Fields) -> LlamaTokenizer:
    """The tokenizer of tokenizer.model; CheckpointError where that is missing or damaged."""
    file = folder / "tokenizer.model"
    if not file.is_file():
        raise CheckpointError(f"{file}: no such file")
    pieces = SentencePieceProcessor()
    try:
        pieces.load(str(file))
    except (RuntimeError, OSError) as error:
        raise CheckpointError(f"{file}: no sentencepiece model: {error}") from None
    names = special_names(folder, config)
    specials = {name: int(pieces.piece_to_id(name)) for name in names.values()}
    bos, eos = specials[names.get("bos", "<s>")], specials[names.get("eos", "</s>")]
    unk = specials.get(names.get("unk", ""), 0)
    pad = specials.get(names.get("pad", ""), unk)
    return LlamaTokenizer(int(pieces.vocab_size()), bos, eos, pad, unk, pieces, specials)
