"""Prompts as the model's own processor wants them: chat template, token ids, pixels.

T tokens of a prompt with its picture tokens, B prompts of a batch.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

import PIL.Image
import transformers
from torch import Tensor

from lvlm_eval.images import open_rgb
from lvlm_eval.schema import Image, Part, Prompt, Request

Inputs = Mapping[str, Tensor]
_REMEMBERED = 4  # results of the image processor that are kept


@dataclass(frozen=True, slots=True)
class Item:
    """A question with its prompt written out and its pictures decoded."""

    question_id: str
    text: str
    pictures: tuple[PIL.Image.Image, ...]


@dataclass(frozen=True, slots=True)
class Encoder:
    """A processor and the chat template by which it is asked.

    lock: batches are encoded ahead in the background, and anew where one did not fit the memory;
    a tokenizer is set up anew in every call and cannot serve two at once.
    """

    processor: transformers.ProcessorMixin
    template: str
    lock: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, processor: transformers.ProcessorMixin, template: str) -> Encoder:
        """An encoder whose image processor does the same pictures only once."""
        remembering = copy.copy(processor)
        remembering.image_processor = _Remembering(processor.image_processor)
        return cls(remembering, template)

    def item(self, request: Request, pictures: Sequence[PIL.Image.Image]) -> Item:
        """The question, written out. Raises what the template raises: jinja2's TemplateError."""
        text = self.processor.apply_chat_template(
            messages(request.prompt), chat_template=self.template, add_generation_prompt=True
        )
        return Item(request.question_id, text, tuple(pictures))

    def encode(self, items: Sequence[Item]) -> Inputs:
        """The model's inputs: ids and mask (B, T), padded on the left, and the pictures' own.

        ValueError where the template did not give every picture its place.
        """
        pictures = [list(item.pictures) for item in items]
        bos = getattr(self.processor.tokenizer, "bos_token", None)
        with self.lock:
            encoded = self.processor(
                text=[item.text for item in items],
                images=pictures if any(pictures) else None,
                padding=True,
                padding_side="left",
                return_tensors="pt",
                # Many templates write the first token themselves.
                add_special_tokens=not (bos and items[0].text.startswith(bos)),
            )
        return dict(encoded)


def messages(prompt: Prompt) -> list[dict[str, object]]:
    """The conversation in the form that chat templates take."""
    turns: list[dict[str, object]] = [
        {"role": turn.role, "content": [_part(part) for part in turn.parts]}
        for turn in prompt.turns
    ]
    if prompt.system:
        turns.insert(0, {"role": "system", "content": [_part(prompt.system)]})
    return turns


def read_picture(image: Image) -> PIL.Image.Image:
    """The picture as every adapter sees it: RGB, as stored. Raises ImageError."""
    picture = open_rgb(image)
    picture.info.clear()  # an EXIF turn is not applied, here or by an image processor
    return picture


def _part(part: Part) -> dict[str, str]:
    return {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}


class _Remembering:
    """An image processor that gives the same pictures' result again without computing it.

    Questions on one picture are encoded one by one; pictures are told apart as objects, which
    are kept as long as their result, so that none takes another's place.
    """

    def __init__(self, processor: transformers.BaseImageProcessor) -> None:
        self.wrapped = processor
        self._results: OrderedDict[str, tuple[object, Mapping[str, object]]] = OrderedDict()

    def __call__(self, images: object, **settings: object) -> Mapping[str, object]:
        key = f"{_identities(images)} {sorted(settings.items(), key=str)}"
        if key not in self._results:
            self._results[key] = (images, self.wrapped(images, **settings))
            if len(self._results) > _REMEMBERED:
                self._results.popitem(last=False)
        return copy.copy(self._results[key][1])  # processors take entries out of what they get

    def __getattr__(self, name: str) -> object:
        if name == "wrapped":  # while it is being copied it has none yet
            raise AttributeError(name)
        return getattr(self.wrapped, name)


def _identities(images: object) -> object:
    return [_identities(image) for image in images] if isinstance(images, list) else id(images)
