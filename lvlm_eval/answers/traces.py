"""What a model says before it answers, and what it says in place of an answer.

Reasoning is taken off once, before any scorer sees the text: no official rule knows of it, and a
letter in it is not the answer. Refusals are counted beside a score and never change it.
"""

from __future__ import annotations

import re
import unicodedata

_PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("◁think▷", "◁/think▷"),
)


def without_trace(text: str) -> tuple[str, bool]:
    """The answer behind the reasoning, and whether there was any.

    A chat template may put the opening mark into the prompt, so all before the last closing mark
    goes. Reasoning that is not closed was cut off before an answer: nothing is left. A text
    without marks comes back as it is, to the character.
    """
    if "<" not in text and "◁" not in text:
        return text, False
    for opening, closing in _PAIRS:
        _, closed, answer = text.rpartition(closing)
        if closed:
            before, opened, _ = answer.partition(opening)
            return (before if opened else answer).lstrip(), True
        if text.lstrip().startswith(opening):
            return "", True
    return text, False


SHORTEST = len("I'm sorry")
_REFUSAL = re.compile(
    r"(i'?m|i am) (really |very )?(sorry|unable|not able)\b|sorry\b[,.]?( but)? i\b"
    r"|(i )?(can'?t|cannot|can not|won'?t|will not)( help| assist| answer| identify| determine"
    r"| provide| process| see| comply)|as an ai\b"
    r"|抱歉|对不起|很遗憾|(我)?(无法|不能)(回答|提供|识别|协助|确定)",
)


def is_refusal(text: str) -> bool:
    """Whether the text begins by declining to answer, in English or Chinese."""
    if text.isascii() and len(text) < SHORTEST:
        return False
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").strip(" \n\t\"'*#").lower()
    return _REFUSAL.match(plain) is not None
