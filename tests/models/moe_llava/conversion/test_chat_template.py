"""What transformers renders of the Jinja is the prompt that chat.py writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from lvlm_eval.models.moe_llava.chat import TEMPLATES, ChatFormat
from lvlm_eval.models.moe_llava.conversion.chat_template import jinja_of
from lvlm_eval.models.moe_llava.tokenizer import read_tokenizer
from lvlm_eval.schema import Image, Prompt, Turn

PICTURE = Image(data=b"x")
CONVERSATION = (
    Turn("user", (PICTURE, PICTURE, 'Say "a\\n".')),
    Turn("assistant", ("ä {x} {{ y }}",)),
    Turn("user", ("And ", PICTURE, "here?")),
    Turn("assistant", ("no",)),
    Turn("user", ("Why?",)),
)


def theirs(turn: Turn) -> dict[str, object]:
    parts = [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
        for part in turn.parts
    ]
    return {"role": turn.role, "content": parts}


def rendered(jinja: str, messages: list[dict[str, object]], *, asking: bool = True) -> str:
    prompts, _ = render_jinja_template(
        conversations=[messages], chat_template=jinja, add_generation_prompt=asking
    )
    return str(prompts[0])


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("turns", [1, 3, 5])
def test_every_template_is_rendered_as_it_is_written(golden: Path, name: str, turns: int) -> None:
    tokenizer = read_tokenizer(golden / "phi")
    for system, start_end in (("", False), ("Be brief.", True)):
        chat = ChatFormat(TEMPLATES[name], tokenizer, start_end)
        pieces = chat.pieces(Prompt(CONVERSATION[:turns], system))
        messages = [theirs(turn) for turn in CONVERSATION[:turns]]
        if system:
            messages = [{"role": "system", "content": system}, *messages]
        jinja = jinja_of(TEMPLATES[name], start_end)
        assert rendered(jinja, messages) == "<image>".join(pieces)


def test_texts_may_be_bare_and_an_answer_may_end_the_conversation() -> None:
    messages: list[dict[str, object]] = [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "so"},
    ]
    jinja = jinja_of(TEMPLATES["phi"], start_end=False)
    end = "questions. USER: Why? ASSISTANT: so<|endoftext|>"
    assert rendered(jinja, messages, asking=False).endswith(end)
