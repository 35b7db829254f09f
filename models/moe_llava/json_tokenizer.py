"""Tokenizers of the `tokenizers` library: tokenizer.json, or the files of a byte-level BPE.

For folders without a file of a slow class: what transformers saves, Qwen 1.5, and the tokenizer
that StableLM 2 has today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Regex, pre_tokenizers
from tokenizers import Tokenizer as Backend
from tokenizers.decoders import ByteLevel as ByteDecoder
from tokenizers.models import BPE
from tokenizers.normalizers import NFC
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Split

from lvlm_eval.errors import CheckpointError

from .codegen import clean_up
from .fields import Fields
from .rank_file import PATTERN
from .special_tokens import AddedToken as Token
from .special_tokens import added_tokens, special_names


@dataclass(frozen=True, slots=True)
class JsonTokenizer:
    """clean: the blank before punctuation is removed from a text, as the slow classes do."""

    kind: str
    size: int
    bos: int | None
    eos: int
    pad: int
    unk: int
    add_bos: bool
    backend: Backend
    clean: bool

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.backend.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        text = self.backend.decode([int(n) for n in ids], skip_special_tokens=skip_special)
        return clean_up(text) if self.clean else text


def read_json_tokenizer(folder: Path, config: Fields, kind: str) -> JsonTokenizer:
    """The tokenizer of tokenizer.json; CheckpointError where that is missing or damaged."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise CheckpointError(f"{file}: no such file")
    try:
        backend = Backend.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:  # noqa: BLE001  the library raises nothing narrower
        raise CheckpointError(f"{file}: no tokenizer: {error}") from None
    backend.no_padding()
    backend.no_truncation()
    return _described(folder, config, kind, backend)


def read_bpe_files(folder: Path, config: Fields, kind: str) -> JsonTokenizer:
    """The byte-level BPE of vocab.json and merges.txt: Qwen2Tokenizer's, or GPT2Tokenizer's."""
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    try:
        backend = Backend(BPE.from_file(str(vocabulary), str(merges)))
    except Exception as error:  # noqa: BLE001  the library raises nothing narrower
        raise CheckpointError(f"{folder}: vocab.json and merges.txt: {error}") from None
    if kind == "Qwen2Tokenizer":
        backend.normalizer = NFC()
    backend.pre_tokenizer = _splitting(kind)
    backend.decoder = ByteDecoder()
    for token in _found_first(folder, config, backend):
        added = AddedToken(
            token.text,
            lstrip=token.left,
            rstrip=token.right,
            normalized=False,
            special=token.special,
        )
        (backend.add_special_tokens if token.special else backend.add_tokens)([added])
        if backend.token_to_id(token.text) != token.id:
            raise CheckpointError(
                f"{folder}: the added token {token.text!r} has id {token.id}, "
                f"but {backend.token_to_id(token.text)} is its place after those before it"
            )
    return _described(folder, config, kind, backend)


def _found_first(folder: Path, config: Fields, backend: Backend) -> list[Token]:
    """The added tokens, and those that have a role though the vocabulary alone has them.

    The classes cut both out of a text before it is split: a bare vocab.json may hold
    "<|endoftext|>" that nothing but pad_token names.
    """
    listed = added_tokens(folder, config)
    known = {token.text for token in listed}
    roles = dict.fromkeys(special_names(folder, config).values())
    ids = {name: backend.token_to_id(name) for name in roles if name not in known}
    named = [Token(name, id_, special=True) for name, id_ in ids.items() if id_ is not None]
    return [*named, *listed]


def _splitting(kind: str) -> PreTokenizer:
    if kind != "Qwen2Tokenizer":
        return ByteLevel(add_prefix_space=False)  # GPT-2's own pattern
    parts = [Split(Regex(PATTERN), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
    return pre_tokenizers.Sequence(parts)


def _described(folder: Path, config: Fields, kind: str, backend: Backend) -> JsonTokenizer:
    """With the roles that the folder's files give to its tokens."""
    names = special_names(folder, config)
    ids = {role: backend.token_to_id(name) for role, name in names.items()}
    eos = ids.get("eos")
    if eos is None:
        raise CheckpointError(
            f"{config.origin}: no eos_token that the tokenizer knows; without one no answer ends"
        )
    size = backend.get_vocab_size()
    top = max(backend.get_vocab().values())
    if top >= size:
        raise CheckpointError(f"{folder}: the tokenizer's ids are not 0..{size - 1}, each once")
    unk = ids.get("unk")
    unk = eos if unk is None else unk
    pad, bos = ids.get("pad"), ids.get("bos")
    return JsonTokenizer(
        kind=kind,
        size=size,
        bos=bos,
        eos=eos,
        pad=unk if pad is None else pad,
        unk=unk,
        add_bos=bos is not None and _adds(config, backend, bos),
        backend=backend,
        # 4.37's default, which the classes below override
        clean=config.flag("clean_up_tokenization_spaces", kind not in _AS_IT_IS),
    )


_AS_IT_IS = ("LlamaTokenizer", "Qwen2Tokenizer", "TokenizersBackend")


def _adds(config: Fields, backend: Backend, bos: int) -> bool:
    """Whether a prompt starts with bos: tokenizer_config.json says so, or the file's template."""
    probe: list[int] = backend.encode("", add_special_tokens=True).ids
    return config.flag("add_bos_token", probe[:1] == [bos])
