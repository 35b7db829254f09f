"""Made-up loads like POPE's: several short questions about each image, every image another one.

A prompt is a system text, the image, the beginning that all questions share ("Is there a"), an
object of one to three tokens, and the end that they share. Ids are made up; their numbers are those
of LLaVA-1.5's prompts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lvlm_eval.models.moe_llava.engine.sequence import Picture, Question
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN

_SYSTEM, _BEGIN, _END = 35, 4, 21  # tokens


@dataclass(frozen=True, slots=True)
class Load:
    """How many images, questions about each, and new tokens an answer has, exactly."""

    images: int
    questions: int
    new_tokens: int

    @property
    def name(self) -> str:
        return f"{self.questions} questions an image, {self.new_tokens} new tokens"


def made_up(load: Load, size: int, vocabulary: int, seed: int) -> list[Question]:
    """The load's questions, image by image; pixels (3, size, size) are noise."""
    generator = torch.Generator().manual_seed(seed)

    def ids(count: int) -> tuple[int, ...]:
        drawn = torch.randint(3, vocabulary - 1, (count,), generator=generator)
        return tuple(drawn.tolist())

    system, begin, end = ids(_SYSTEM), ids(_BEGIN), ids(_END)
    questions = []
    for image in range(load.images):
        picture = Picture(str(image), torch.randn(3, size, size, generator=generator))
        # the first token of an object tells it from all others asked about this image
        firsts = torch.randperm(vocabulary - 4, generator=generator)[: load.questions] + 3
        for number, first in enumerate(firsts.tolist()):
            object_ids = (first, *ids(number % 3))
            tokens = (*system, IMAGE_TOKEN, *begin, *object_ids, *end)
            questions.append(Question(f"{image}/{number}", tokens, (picture,)))
    return questions
