"""CodeGen's tokenizer (phi): byte-level BPE, read from vocab.json and merges.txt.

Ids and texts are those of transformers 4.37's slow class, whose decoding differs from today's
fast ones where runs of blanks are added tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer as BPETokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from lvlm_eval.errors import CheckpointError

from .fields import Fields, read_json
from .special_tokens import ROLES, added_tokens, special_names

# What the slow class's clean-up replaces, in its order.
_CLEAN_UP = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


@dataclass(frozen=True, slots=True)
class CodeGenTokenizer:
    """added: tokens that `cuts` finds in a text before the BPE sees the rest of it.

    special: ids that decoding can skip. alone: added and not special, as runs of blanks are.
    """

    size: int
    bos: int
    eos: int
    pad: int
    unk: int
    bpe: BPETokenizer
    added: Mapping[str, int]
    cuts: re.Pattern[str]
    special: frozenset[int]
    alone: frozenset[int]
    clean: bool
    tokens: tuple[str, ...]
    add_bos: bool = False
    kind: str = "CodeGenTokenizer"

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for piece in self.cuts.split(text):
            known = self.added.get(piece)
            ids += [known] if known is not None else self.bpe.encode(piece).ids
        return ids

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """Added tokens that are not special stand alone, joined to the rest with a blank.

        That doubles runs of blanks; it is what the original prints and scores.
        """
        segments: list[str] = []
        run: list[int] = []
        for number in ids:
            if skip_special and number in self.special:
                continue
            if number in self.alone:
                segments += [self._text(run), self.tokens[number]]
                run = []
            else:
                run.append(number)
        text = " ".join(filter(None, [*segments, self._text(run)]))
        return clean_up(text) if self.clean else text

    def _text(self, ids: Sequence[int]) -> str:
        symbols = "".join(self.tokens[number] for number in ids)
        return bytes(_BYTES[symbol] for symbol in symbols).decode("utf-8", errors="replace")


def clean_up(text: str) -> str:
    """The text without the blank before punctuation and contractions."""
    for before, after in _CLEAN_UP:
        text = text.replace(before, after)
    return text


def read_codegen(folder: Path, config: Fields) -> CodeGenTokenizer:
    """The tokenizer in a folder with that tokenizer_config.json; CheckpointError if damaged."""
    vocabulary = read_json(folder / "vocab.json")
    if not (folder / "merges.txt").is_file():
        raise CheckpointError(f"{folder / 'merges.txt'}: no such file")
    ids = {token: vocabulary.integer(token) for token in vocabulary.values}
    listed = added_tokens(folder, config)
    added = {token.text: token.id for token in listed}
    flagged = {token.id for token in listed if token.special}
    names = special_names(folder, config)
    ids |= added
    tokens = sorted(ids, key=lambda token: ids[token])
    if [ids[token] for token in tokens] != list(range(len(ids))):
        raise CheckpointError(f"{folder}: the tokenizer's ids are not 0..{len(ids) - 1}, each once")
    bos, eos, pad, unk = (ids.get(names.get(role, ""), -1) for role in ROLES)
    bpe = BPETokenizer(BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    bpe.pre_tokenizer = ByteLevel(add_prefix_space=False)
    added |= {name: ids[name] for name in names.values() if name in ids}
    special = flagged | {ids[name] for name in names.values() if name in ids}
    # the leftmost token wins, of several that begin there the longest; "(?!)" matches nothing
    by_length = sorted(added, key=len, reverse=True)
    cuts = re.compile(f"({'|'.join(map(re.escape, by_length)) or '(?!)'})")
    return CodeGenTokenizer(
        size=len(ids),
        bos=bos,
        eos=eos,
        pad=pad if pad >= 0 else eos,
        unk=unk,
        bpe=bpe,
        added=added,
        cuts=cuts,
        special=frozenset(special),
        alone=frozenset(added.values()) - special,
        clean=config.flag("clean_up_tokenization_spaces", True),
        tokens=tuple(tokens),
    )


def _byte_symbols() -> Iterable[tuple[str, int]]:
    """GPT-2's printable symbol for each byte: itself where it prints, else from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in printable]
    yield from ((chr(byte), byte) for byte in printable)
    yield from ((chr(256 + place), byte) for place, byte in enumerate(rest))


_BYTES: Mapping[str, int] = dict(_byte_symbols())
