"""Conversations to token ids and labels, and these to batches.

Labels are those of the original's training code: the model learns what the assistant says and
the end of its turn, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from lvlm_eval.schema import Image, Prompt, Turn

from ..chat import ChatFormat
from ..splice import IGNORED, IMAGE_TOKEN

Conversation = Sequence[Turn]
ReadPixels = Callable[[Image], Tensor]  # (3, size, size)


@dataclass(frozen=True, slots=True)
class Example:
    """ids (T,) with one IMAGE_TOKEN an image; labels (T,), IGNORED where nothing is learnt."""

    token_ids: Tensor
    labels: Tensor
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences of different lengths; pixels (I, 3, size, size) of all images, None if none."""

    token_ids: list[Tensor]
    labels: list[Tensor]
    pixels: Tensor | None


def encode_chat(turns: Conversation, chat: ChatFormat) -> Example:
    """A conversation in the backbone's template, user and assistant by turns.

    Turn by turn, so every question is encoded as at inference. This equals encoding the whole
    text where the tokenizer splits before a blank and at special tokens, as those of phi, qwen
    and stablelm do; sentencepiece does not, hence the ValueError for tokenizers with a bos.
    """
    if chat.tokenizer.add_bos:
        raise ValueError("the label masking of tokenizers that add a bos is not known here")
    token_ids: list[int] = []
    labels: list[int] = []
    for turn in turns:
        if turn.role == "assistant":
            ids = chat.tokenizer.encode(f" {_text(turn)}{chat.template.end}")
            labels += ids
        else:
            ids = _question_ids(turn, chat, first=not token_ids)
            labels += [IGNORED] * len(ids)
        token_ids += ids
    return Example(torch.tensor(token_ids), torch.tensor(labels), _images(turns))


def encode_plain(turns: Conversation, chat: ChatFormat) -> Example:
    """Stage 1's template: the image, then what the assistant says of it and a line break.

    The user's words are left out, as in the original.
    """
    images = _images(turns)
    said = "".join(_text(turn) for turn in turns if turn.role == "assistant")
    ids = chat.tokenizer.encode(f"{said}\n")
    token_ids = [IMAGE_TOKEN] * len(images) + ids
    labels = [IGNORED] * len(images) + ids
    return Example(torch.tensor(token_ids), torch.tensor(labels), images)


def batches(
    conversations: Iterator[Conversation],
    encode: Callable[[Conversation, ChatFormat], Example],
    chat: ChatFormat,
    read_pixels: ReadPixels,
    size: int,
) -> Iterator[Batch]:
    """Batches of `size` conversations; the last may be smaller."""
    while examples := [encode(turns, chat) for turns in islice(conversations, size)]:
        pixels = [read_pixels(image) for example in examples for image in example.images]
        yield Batch(
            [example.token_ids for example in examples],
            [example.labels for example in examples],
            torch.stack(pixels) if pixels else None,
        )


def _question_ids(turn: Turn, chat: ChatFormat, *, first: bool) -> list[int]:
    """A user's turn with the assistant's role after it; only the first has the system text."""
    pieces = chat.pieces(Prompt((turn,)))
    if not first:
        pieces[0] = pieces[0].removeprefix(f"{chat.template.system} ")
    return chat.encode_pieces(pieces)


def _text(turn: Turn) -> str:
    return "".join(part for part in turn.parts if isinstance(part, str))


def _images(turns: Conversation) -> tuple[Image, ...]:
    return tuple(part for turn in turns for part in turn.parts if isinstance(part, Image))
