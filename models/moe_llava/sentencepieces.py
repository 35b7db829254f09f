"""Llama's tokenizer (llama, vicuna, mistral, openchat, minicpm): a sentencepiece model.

Ids and texts are those of transformers 4.37's slow class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from lvlm_eval.errors import CheckpointError

from .fields import Fields
from .special_tokens import AddedToken, added_tokens, special_names

_BOUNDARY = "\u2581"  # sentencepiece's mark for a blank before a word
# Appended to a model file this is normalizer_spec { add_dummy_prefix: false }: of a message that
# occurs twice a reader of protocol buffers merges the fields, the later ones winning.
_NO_PREFIX = b"\x1a\x02\x18\x00"


@dataclass(frozen=True, slots=True)
class LlamaTokenizer:
    """pieces puts a word boundary before every text, bare does not.

    cuts: tokens by their text, cut out of a text before it is split to pieces; extra: those of
    them that are no pieces, by id; skipped: ids that decoding can leave out.
    legacy: a word boundary stands before each stretch between such tokens, not the first alone.
    """

    size: int
    bos: int
    eos: int
    pad: int
    unk: int
    pieces: SentencePieceProcessor
    bare: SentencePieceProcessor
    cuts: Mapping[str, AddedToken]
    extra: Mapping[int, str]
    skipped: frozenset[int]
    legacy: bool = True
    add_bos: bool = True
    kind: str = "LlamaTokenizer"

    def encode(self, text: str) -> list[int]:
        """Ids; each stretch between specials gets a word boundary before it, as `legacy` says."""
        by_length = sorted(self.cuts, key=len, reverse=True)
        parts = re.split(f"({'|'.join(map(re.escape, by_length)) or '(?!)'})", text)
        ids: list[int] = []
        for place, part in enumerate(parts):
            if place % 2:
                ids.append(self.cuts[part].id)
                continue
            if place and self.cuts[parts[place - 1]].right:
                part = part.lstrip()
            if place + 1 < len(parts) and self.cuts[parts[place + 1]].left:
                part = part.rstrip()
            model = self.pieces if self.legacy or not place else self.bare
            ids += model.encode(part) if part else []
        return ids

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """The text; where it begins two boundaries are dropped and not one, as there.

        It begins anew after every token that is no piece.
        """
        if skip_special:
            ids = [number for number in ids if number not in self.skipped]
        return "".join(self._stretches(ids))

    def _stretches(self, ids: Sequence[int]) -> Iterator[str]:
        run: list[int] = []
        for number in ids:
            if int(number) in self.extra:
                yield from (self._joined(run), self.extra[int(number)])
                run = []
            else:
                run.append(int(number))
        yield self._joined(run)

    def _joined(self, ids: Sequence[int]) -> str:
        """The text of pieces; specials among them stand for themselves."""
        names = {token.id: name for name, token in self.cuts.items()}
        tokens = [self.pieces.id_to_piece(number) for number in ids]
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
    pieces, bare = _models(folder / "tokenizer.model")
    count = int(pieces.vocab_size())
    added = added_tokens(folder, config)
    ids = {token.text: token.id for token in added}
    names = special_names(folder, config)
    ids |= {name: number for name in names.values() if (number := _piece(pieces, name)) is not None}
    roles = {role: ids[name] for role, name in names.items() if name in ids}
    cuts = {names[role]: AddedToken(names[role], roles[role], special=True) for role in roles}
    cuts |= {token.text: token for token in added}
    extra = {token.id: token.text for token in added if token.id >= count}
    if sorted(extra) != list(range(count, count + len(extra))):
        raise CheckpointError(
            f"{folder}: the added tokens' ids {sorted(extra)} do not follow the {count} pieces"
        )
    unk = roles.get("unk", 0)
    return LlamaTokenizer(
        size=count + len(extra),
        bos=roles.get("bos", 1),
        eos=roles.get("eos", 2),
        pad=roles.get("pad", unk),
        unk=unk,
        pieces=pieces,
        bare=bare,
        cuts=cuts,
        extra=extra,
        skipped=frozenset({*roles.values(), *(token.id for token in added if token.special)}),
        legacy=config.flag("legacy", True),
        add_bos=config.flag("add_bos_token", True),
    )


def _piece(pieces: SentencePieceProcessor, text: str) -> int | None:
    """The id of a piece; None where the text is none."""
    number = int(pieces.piece_to_id(text))
    return number if pieces.id_to_piece(number) == text else None


def _models(file: Path) -> tuple[SentencePieceProcessor, SentencePieceProcessor]:
    """The model as it is, and without a word boundary before the text."""
    try:
        content = file.read_bytes()
        models = (content, content + _NO_PREFIX)
        plain, bare = (SentencePieceProcessor(model_proto=model) for model in models)
    except FileNotFoundError:
        raise CheckpointError(f"{file}: no such file") from None
    except (RuntimeError, OSError) as error:
        raise CheckpointError(f"{file}: no sentencepiece model: {error}") from None
    return plain, bare
