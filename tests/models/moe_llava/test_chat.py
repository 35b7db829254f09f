"""Prompts byte for byte, and where an answer ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lvlm_eval.models.moe_llava.chat import TEMPLATES, ChatFormat
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN
from lvlm_eval.models.moe_llava.tokenizer import read_tokenizer
from lvlm_eval.schema import Image, Prompt, Turn

PICTURE = Image(data=b"x")
SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


@pytest.fixture
def chat(golden: Path) -> ChatFormat:
    return ChatFormat(TEMPLATES["phi"], read_tokenizer(golden / "phi"))


def test_a_question_about_a_picture_reads_as_recorded(chat: ChatFormat, golden: Path) -> None:
    recorded = json.loads((golden / "phi" / "golden.json").read_text())
    prompt = Prompt.user(PICTURE, "What is in this picture?")
    assert "<image>".join(chat.pieces(prompt)) == recorded["prompt"]
    assert chat.encode(prompt) == recorded["prompt_ids"]


def test_turns_follow_each_other_and_answers_have_an_end(chat: ChatFormat) -> None:
    prompt = Prompt(
        (
            Turn("user", (PICTURE, "Colour?")),
            Turn("assistant", ("red",)),
            Turn("user", ("And ", "shape?")),
        )
    )
    assert chat.pieces(prompt) == [
        f"{SYSTEM} USER: ",
        "\nColour? ASSISTANT: red<|endoftext|>USER: And shape? ASSISTANT:",
    ]


def test_a_prompt_may_have_no_picture_or_several_and_its_own_system(chat: ChatFormat) -> None:
    assert chat.pieces(Prompt.user("Hi")) == [f"{SYSTEM} USER: Hi ASSISTANT:"]
    prompt = Prompt((Turn("user", (PICTURE, PICTURE, "Same?")),), system="Be brief.")
    assert chat.pieces(prompt) == ["Be brief. USER: ", "\n", "\nSame? ASSISTANT:"]
    assert chat.encode(prompt).count(IMAGE_TOKEN) == 2


def test_the_word_for_a_picture_in_a_text_is_only_text(chat: ChatFormat) -> None:
    ids = chat.encode(Prompt.user("what does <image> mean?"))
    assert IMAGE_TOKEN not in ids
    assert "what does <image> mean?" in chat.tokenizer.decode(ids, skip_special=False)


def test_pictures_may_stand_between_two_marks(chat: ChatFormat) -> None:
    marked = ChatFormat(chat.template, chat.tokenizer, start_end=True)
    assert marked.pieces(Prompt.user(PICTURE, "x"))[0].endswith("USER: <im_start>")
    assert marked.pieces(Prompt.user(PICTURE, "x"))[1] == "<im_end>\nx ASSISTANT:"


def test_the_system_text_of_older_templates_says_human() -> None:
    assert TEMPLATES["llava_v1"].system == SYSTEM.replace("user", "human")


def test_an_answer_ends_with_the_end_token(chat: ChatFormat) -> None:
    assert not chat.stops([])
    assert not chat.stops([32, 382])
    assert chat.stops([32, chat.tokenizer.eos])


def test_an_answer_ends_where_the_template_ends_a_turn_with_several_tokens(
    chat: ChatFormat,
) -> None:
    vicuna = ChatFormat(TEMPLATES["v1"], chat.tokenizer)
    end = chat.tokenizer.encode("</s>")
    assert len(end) > 1
    assert vicuna.stops([32, *end])
    assert not vicuna.stops([32, *end[:-1]])
    assert vicuna.decode(chat.tokenizer.encode(" yes </s>")) == "yes"


def test_extra_stop_strings_end_an_answer_and_are_cut_off(chat: ChatFormat) -> None:
    ids = chat.tokenizer.encode("first line\n\nsecond")
    cut = next(n for n in range(1, len(ids) + 1) if chat.stops(ids[:n], ["\n\n"]))
    assert chat.decode(ids[:cut], ["\n\n"]) == "first line"
    assert not any(chat.stops(ids[:n], ["third"]) for n in range(1, len(ids) + 1))


def test_texts_are_stripped(chat: ChatFormat) -> None:
    assert chat.decode(chat.tokenizer.encode(" a dog\n")) == "a dog"
