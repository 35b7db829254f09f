"""A prompt as the network wants it: the conversation template, ids, the end of an answer.

Templates are those of MoE-LLaVA's `conversation.py`, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.schema import Image, Prompt, Turn

from .backbones import Family
from .splice import IMAGE_TOKEN
from .tokenizer import Tokenizer

_POLITE = (
    "A chat between a curious {who} and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the {who}'s questions."
)


@dataclass(frozen=True, slots=True)
class Template:
    """How a conversation is written: the opening, then `user` text `user_end`, `assistant`, `gap`,
    answer, `end` by turns; a prompt stops after the last `assistant`.

    opening: {system} is the system text. again: stands before every user's turn but the first.
    stop: what ends an answer while it is written; "" where that is `end`.
    """

    system: str
    end: str
    opening: str = "{system} "
    again: str = ""
    user: str = "USER: "
    user_end: str = " "
    assistant: str = "ASSISTANT:"
    gap: str = " "
    stop: str = ""


_MARKS = ("<im_start>", "<im_end>")  # before and after a picture, under mm_use_im_start_end
_USER, _HUMAN = (_POLITE.format(who=who) for who in ("user", "human"))
_VICUNA = Template(_USER, "</s>")
TEMPLATES: Mapping[str, Template] = {
    "phi": Template(_USER, "<|endoftext|>"),
    "qwen": Template(_USER, "<|endoftext|>"),
    "stablelm": Template(_USER, "<|endoftext|>"),
    "v1": _VICUNA,
    "vicuna_v1": _VICUNA,
    "mistral": _VICUNA,
    "minicpm": _VICUNA,
    "openchat": Template(_USER, "<|end_of_turn|>"),
    "llava_v1": Template(_HUMAN, "</s>"),
    "llava_v0": Template(
        _HUMAN, "###", "{system}###", user="Human: ", user_end="###", assistant="Assistant:"
    ),
    "llava_llama_2": Template(
        "You are a helpful language and vision assistant. You are able to understand the visual "
        "content that the user provides, and assist the user with a variety of tasks using "
        "natural language.",
        " </s>",
        "[INST] <<SYS>>\n{system}\n<</SYS>>\n\n",  # its leading <s> is stripped: bos is there
        again="<s>[INST] ",
        user="",
        user_end=" [/INST]",
        assistant="",
        stop="<s>",
    ),
    "mpt": Template(
        "<|im_start|>system\nA conversation between a user and an LLM-based AI assistant. "
        "The assistant gives helpful and honest answers.",
        "<|im_end|>",
        "{system}<|im_end|>",
        user="<|im_start|>user\n",
        user_end="<|im_end|>",
        assistant="<|im_start|>assistant\n",
        gap="",
    ),
    "plain": Template("", "\n", "{system}", user="", user_end="\n", assistant="", gap=""),
}


def known_conversation(name: str) -> str:
    """The name, if there is such a template; UsageError naming all of them if not."""
    if name not in TEMPLATES:
        raise UsageError(f"unknown conversation {name!r}; there are {', '.join(TEMPLATES)}")
    return name


def marks(start_end: bool) -> tuple[str, str]:
    """What stands before and after a picture."""
    return _MARKS if start_end else ("", "")


def check_marks(tokenizer: Tokenizer, origin: object) -> None:
    """CheckpointError where a mark beside a picture is no token of the tokenizer's.

    The original would add the tokens as it loads, with vectors drawn at random.
    """
    for mark in _MARKS:
        if len(tokenizer.encode(mark)) != 1:
            raise CheckpointError(
                f"{origin}: mm_use_im_start_end is true, but the tokenizer has no token {mark}, "
                "so the model never saw it as one; take the tokenizer that was saved in training"
            )


def conversation_of(family: Family, tokenizer: Tokenizer) -> str:
    """The template that goes with a token of the tokenizer's, else the family's."""
    for token, name in family.conversations:
        if len(tokenizer.encode(token)) == 1:
            return name
    return family.conversation


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
        pieces = [template.opening.format(system=prompt.system or template.system)]
        for number, turn in enumerate(prompt.turns):
            first, *rest = self._content(turn)
            if turn.role == "user":
                pieces[-1] += (template.again if number else "") + template.user + first
            else:
                pieces[-1] += template.assistant + template.gap + first
            pieces += rest
            pieces[-1] += template.user_end if turn.role == "user" else template.end
        pieces[-1] += template.assistant
        return pieces

    def _content(self, turn: Turn) -> list[str]:
        """A turn's text, cut where its pictures are.

        A line break follows each picture that leads the turn; one after text stands bare, as
        the original's placeholder is replaced where the user put it (`run_llava.py`).
        """
        before, after = marks(self.start_end)
        texts, leading = [""], True
        for part in turn.parts:
            if isinstance(part, Image):
                texts[-1] += before
                texts.append(after + "\n" * leading)
            else:
                texts[-1] += part
                leading = leading and not part
        return texts

    @property
    def stop(self) -> str:
        """The text that ends an answer."""
        return self.template.stop or self.template.end

    @cached_property
    def end_ids(self) -> list[int]:
        """The template's stop text as the tokenizer writes it."""
        return self.tokenizer.encode(self.stop)

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
        if self.stop in self.tokenizer.decode(ids[-len(end) :], skip_special=True):
            return True
        # a token is at least a byte, so a string of n bytes lies within the last n tokens
        return any(
            stop in self.tokenizer.decode(ids[-len(stop.encode()) :], skip_special=True)
            for stop in extra
        )

    def decode(self, ids: Sequence[int], extra: Sequence[str] = ()) -> str:
        """The answer's text, stripped, without the template's end or what follows an extra stop."""
        text = self.tokenizer.decode(ids, skip_special=True).strip()
        text = text.removesuffix(self.stop).strip()
        for stop in extra:
            text = text.partition(stop)[0]
        return text
