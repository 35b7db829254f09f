"""A prompt as the network wants it: the conversation template, ids, the end of an answer.

Templates are those of MoE-LLaVA's `conversation.py`, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lvlm_eval.schema import Image, Prompt, Turn

from .splice import IMAGE_TOKEN
from .tokenizer import Tokenizer

_POLITE = (
    "A chat between a curious {who} and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the {who}'s questions."
)


@dataclass(frozen=True, slots=True)
class Template:
    """system, a blank, then "USER: text", a blank, "ASSISTANT: text" and `end` by turns."""

    system: str
    end: str
    user: str = "USER"
    assistant: str = "ASSISTANT"


_USER = _POLITE.format(who="user")
TEMPLATES: Mapping[str, Template] = {
    "phi": Template(_USER, "<|endoftext|>"),
    "qwen": Template(_USER, "<|endoftext|>"),
    "stablelm": Template(_USER, "<|endoftext|>"),
    "v1": Template(_USER, "</s>"),
    "mistral": Template(_USER, "</s>"),
    "openchat": Template(_USER, "<|end_of_turn|>"),
    "llava_v1": Template(_POLITE.format(who="human"), "</s>"),
}


@dataclass(frozen=True)
class ChatFormat:
    """How one checkpoint is talked to. start_end: pictures stand between two marks."""

    template: Template
    tokenizer: Tokenizer
    start_end: bool = False

    def encode(self, prompt: Prompt) -> list[int]:
        """Ids with one IMAGE_TOKEN for each picture, ending where the answer begins.

        A literal "<image>" in a text is text: only parts that are pictures become pictures.
        """
        return self.encode_pieces(self.pieces(prompt))

    def encode_pieces(self, pieces: Sequence[str]) -> list[int]:
        """Ids of texts with a picture between each two, every text encoded on its own."""
        ids: list[int] = []
        if self.tokenizer.add_bos and self.tokenizer.bos is not None:
            ids.append(self.tokenizer.bos)
        for index, piece in enumerate(pieces):
            ids += [IMAGE_TOKEN] * (index > 0) + self.tokenizer.encode(piece)
        return ids

    def pieces(self, prompt: Prompt) -> list[str]:
        """The conversation's text, cut where the pictures are."""
        template = self.template
        pieces = [f"{prompt.system or template.system} "]
        for turn in prompt.turns:
            role = template.user if turn.role == "user" else template.assistant
            first, *rest = self._content(turn)
            pieces[-1] += f"{role}: {first}"
            pieces += rest
            pieces[-1] += " " if turn.role == "user" else template.end
        pieces[-1] += f"{template.assistant}:"
        return pieces

    def _content(self, turn: Turn) -> list[str]:
        """A turn's text, cut where its pictures are; a line break follows each picture."""
        before, after = ("<im_start>", "<im_end>\n") if self.start_end else ("", "\n")
        texts = [""]
        for part in turn.parts:
            if isinstance(part, Image):
                texts[-1] += before
                texts.append(after)
            else:
                texts[-1] += part
        return texts

    @cached_property
    def end_ids(self) -> list[int]:
        """The template's end as the tokenizer writes it."""
        return self.tokenizer.encode(self.template.end)

    def stops(self, ids: Sequence[int], extra: Sequence[str] = ()) -> bool:
        """Whether an answer (T,) is over: end token, the template's end, or an extra stop string.

        The template's end counts when the last ids are its own, or when the text of as many
        last tokens contains it, special tokens left out.
        """
        if not ids:
            return False
        end = self.end_ids
        if ids[-1] == self.tokenizer.eos or list(ids[-len(end) :]) == end:
            return True
        if self.template.end in self.tokenizer.decode(ids[-len(end) :], skip_special=True):
            return True
        # a token is at least a byte, so a string of n bytes lies within the last n tokens
        return any(
            stop in self.tokenizer.decode(ids[-len(stop.encode()) :], skip_special=True)
            for stop in extra
        )

    def decode(self, ids: Sequence[int], extra: Sequence[str] = ()) -> str:
        """The answer's text, stripped, without the template's end or what follows an extra stop."""
        text = self.tokenizer.decode(ids, skip_special=True).strip()
        text = text.removesuffix(self.template.end).strip()
        for stop in extra:
            text = text.partition(stop)[0]
        return text
