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
from .branches import STEM

Conversation = Sequence[Turn]
ReadPixels = Callable[[Image], Tensor]  # (3, size, size)


@dataclass(frozen=True, slots=True)
class Example:
    """ids (T,) with one IMAGE_TOKEN an image; labels (T,), IGNORED where nothing is learnt.

    branches (T,): 0 in what several conversations share, else the conversation's number; None
    for a single conversation.
    """

    token_ids: Tensor
    labels: Tensor
    images: tuple[Image, ...]
    branches: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences of different lengths; pixels (I, 3, size, size) of all images, None if none.

    branches: as in `Example`, for all sequences or for none.
    """

    token_ids: list[Tensor]
    labels: list[Tensor]
    pixels: Tensor | None
    branches: list[Tensor] | None = None


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
            ids = chat.tokenizer.encode(chat.template.gap + _text(turn) + chat.template.end)
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


def share_stem(examples: Sequence[Example]) -> Example:
    """Conversations with the same images as one sequence that holds their common beginning once.

    `tuning_loss` keeps them from seeing each other, so the loss is that of the conversations
    one by one. Raises ValueError where images differ: a stem shows what all have seen.
    """
    images = examples[0].images
    if any(example.images != images for example in examples):
        raise ValueError("conversations that share a stem must show the same images")
    length = _common(examples)
    if IMAGE_TOKEN in torch.cat([example.token_ids[length:] for example in examples]):
        raise ValueError("the images must stand where the conversations are still the same")
    ids, labels = [examples[0].token_ids[:length]], [examples[0].labels[:length]]
    branches = [torch.full((length,), STEM)]
    for number, example in enumerate(examples, start=STEM + 1):
        ids.append(example.token_ids[length:])
        labels.append(example.labels[length:])
        branches.append(torch.full((len(example.token_ids) - length,), number))
    return Example(torch.cat(ids), torch.cat(labels), images, torch.cat(branches))


def _common(examples: Sequence[Example]) -> int:
    """How many first tokens are the same in all, none of them learnt."""
    length = min(int((example.labels != IGNORED).nonzero()[0]) for example in examples)
    first = examples[0].token_ids[:length]
    same = torch.stack([example.token_ids[:length] == first for example in examples]).all(dim=0)
    return int(same.int().cumprod(dim=0).sum())


def batches(examples: Iterator[Example], read_pixels: ReadPixels, size: int) -> Iterator[Batch]:
    """Batches of `size` examples, all with branches or all without; the last may be smaller."""
    while batch := list(islice(examples, size)):
        pixels = [read_pixels(image) for example in batch for image in example.images]
        branches = [example.branches for example in batch if example.branches is not None]
        if len(branches) not in (0, len(batch)):
            raise ValueError("a batch mixes single conversations and such that share a stem")
        yield Batch(
            [example.token_ids for example in batch],
            [example.labels for example in batch],
            torch.stack(pixels) if pixels else None,
            branches or None,
        )


def _question_ids(turn: Turn, chat: ChatFormat, *, first: bool) -> list[int]:
    """A user's turn with the assistant's role after it; only the first has the system text."""
    pieces = chat.pieces(Prompt((turn,)))
    if not first:
        opening = chat.template.opening.format(system=chat.template.system)
        pieces[0] = pieces[0].removeprefix(opening)
    return chat.encode_pieces(pieces)


def _text(turn: Turn) -> str:
    return "".join(part for part in turn.parts if isinstance(part, str))


def _images(turns: Conversation) -> tuple[Image, ...]:
    return tuple(part for turn in turns for part in turn.parts if isinstance(part, Image))
