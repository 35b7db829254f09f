"""A conversation as data, and the next answer of any model in it.

Every question is asked with all that was said before it; what of that is computed anew is the
model's business.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from lvlm_eval.abilities import Streams
from lvlm_eval.schema import Decoding, Image, Model, Prompt, Request, Response, Turn


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said so far, and the pictures that the next question shows besides.

    system: "" is the model's own.
    """

    turns: tuple[Turn, ...] = ()
    waiting: tuple[Image, ...] = ()
    system: str = ""

    def asking(self, question: str) -> Request:
        """The conversation with one more question; its pictures come before its words.

        Its question_id is its number, so each has draws of its own, and the same questions
        with the same seed have the same answers.
        """
        turns = (*self.turns, Turn("user", (*self.waiting, question)))
        return Request(f"turn {len(turns) // 2 + 1}", Prompt(turns, self.system))

    def answered(self, request: Request, answer: str) -> Conversation:
        """The conversation after the answer to what was asked."""
        turns = (*request.prompt.turns, Turn("assistant", (answer,)))
        return replace(self, turns=turns, waiting=())

    def showing(self, *images: Image) -> Conversation:
        """The same with further pictures in the next question."""
        return replace(self, waiting=(*self.waiting, *images))

    def anew(self) -> Conversation:
        """Nothing said yet; the next question shows again all pictures shown so far."""
        return replace(self, turns=(), waiting=(*Prompt(self.turns).images, *self.waiting))


def answer(model: Model, request: Request, decoding: Decoding) -> Generator[str, None, Response]:
    """The answer's text as it comes, from a model that cannot stream at once; returns the whole.

    After an error there may be pieces, but the Response that is returned has no text.
    """
    if isinstance(model, Streams):
        return (yield from model.stream(request, decoding))
    (response,) = model.generate([request], decoding)
    if response.text:
        yield response.text
    return response
