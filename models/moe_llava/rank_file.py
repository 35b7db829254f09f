"""Tokenizers of Qwen 1 and StableLM 2: byte-level BPE from a file of ranks, through tiktoken."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tiktoken

from lvlm_eval.errors import CheckpointError

# cl100k's pattern, but digits one at a time
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
END = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a rank file's special tokens stand. specials: in the order of their ids.

    gap: unused ids between the last rank and the first special; pad, unk: their tokens.
    """

    kind: str
    file: str
    gap: int
    specials: tuple[str, ...]
    pad: str
    unk: str


QWEN = Layout(
    "QWenTokenizer",
    "qwen.tiktoken",
    gap=0,
    specials=(END, "<|im_start|>", "<|im_end|>", *(f"<|extra_{n}|>" for n in range(205))),
    pad="<|extra_0|>",
    unk="<|extra_0|>",
)
ARCADE = Layout(
    "Arcade100kTokenizer",
    "arcade100k.tiktoken",
    gap=1,
    specials=(
        END, "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
        "<gh_stars>", "<filename>", "<issue_start>", "<issue_comment>", "<issue_closed>",
        "<jupyter_start>", "<jupyter_text>", "<jupyter_code>", "<jupyter_output>",
        "<empty_output>", "<commit_before>", "<commit_msg>", "<commit_after>", "<reponame>",
        "<|endofprompt|>", "<|im_start|>", "<|im_end|>", "<|pause|>",
        *(f"<|reg{n}|>" for n in range(8)), "<|extra0|>",
    ),
    pad=END,  # the original's constructor resets what was saved
    unk="<|reg0|>",
)  # fmt: skip
LAYOUTS: Mapping[str, Layout] = {layout.kind: layout for layout in (QWEN, ARCADE)}


@dataclass(frozen=True, slots=True)
class RankTokenizer:
    """Specials, the end token first among them, have the ids from eos on."""

    kind: str
    size: int
    eos: int
    pad: int
    unk: int
    ranks: int
    encoding: tiktoken.Encoding
    bos: int | None = None
    add_bos: bool = False

    def encode(self, text: str) -> list[int]:
        return self.encoding.encode(unicodedata.normalize("NFC", text), allowed_special="all")

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """The text; an id between ranks and specials has no token and is left out."""
        shown = [n for n in ids if n < self.ranks or (n >= self.eos and not skip_special)]
        return self.encoding.decode(shown, errors="replace")


def read_rank_tokenizer(folder: Path, layout: Layout) -> RankTokenizer:
    """The tokenizer of the layout's file; CheckpointError where that is missing or damaged."""
    ranks = _read_ranks(folder / layout.file)
    start = len(ranks) + layout.gap
    specials = {name: start + place for place, name in enumerate(layout.specials)}
    encoding = tiktoken.Encoding(
        layout.kind, pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=specials
    )
    size = start + len(specials)
    pad, unk = specials[layout.pad], specials[layout.unk]
    return RankTokenizer(layout.kind, size, specials[END], pad, unk, len(ranks), encoding)


def _read_ranks(file: Path) -> dict[bytes, int]:
    """A line for each token: its bytes in base64 and its rank; ranks are 0, 1, 2, ..."""
    try:
        lines = file.read_bytes().split(b"\n")
        pairs = [line.split() for line in lines if line.strip()]
        ranks = {base64.b64decode(token): int(rank) for token, rank in pairs}
    except FileNotFoundError:
        raise CheckpointError(f"{file}: no such file") from None
    except ValueError as error:
        raise CheckpointError(f"{file}: no list of base64 tokens and ranks: {error}") from None
    if not ranks or sorted(ranks.values()) != list(range(len(ranks))):
        raise CheckpointError(f"{file}: the ranks are not 0, 1, 2, ..., each once")
    return ranks
