"""Prompts byte for byte, and where an answer ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from lvlm_eval.errors import UsageError
from lvlm_eval.models.moe_llava.backbones import FAMILIES, LLAMA, MISTRAL, Family
from lvlm_eval.models.moe_llava.chat import (
    TEMPLATES,
    ChatFormat,
    conversation_of,
    known_conversation,
)
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN
from lvlm_eval.models.moe_llava.tokenizer import read_tokenizer
from lvlm_eval.schema import Image, Prompt, Turn

PICTURE = Image(data=b"x")
PHI_WORDS = read_tokenizer(Path(__file__).parents[2] / "data" / "golden" / "moe_llava" / "phi")
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


MET = (
    Turn("user", (PICTURE, "Hi")),
    Turn("assistant", ("Yes",)),
    Turn("user", ("Why?",)),
)
HUMAN = SYSTEM.replace("user", "human")
WRITTEN = {
    "minicpm": f"{SYSTEM} USER: <image>\nHi ASSISTANT: Yes</s>USER: Why? ASSISTANT:",
    "openchat": f"{SYSTEM} USER: <image>\nHi ASSISTANT: Yes<|end_of_turn|>USER: Why? ASSISTANT:",
    "llava_v1": f"{HUMAN} USER: <image>\nHi ASSISTANT: Yes</s>USER: Why? ASSISTANT:",
    "llava_v0": f"{HUMAN}###Human: <image>\nHi###Assistant: Yes###Human: Why?###Assistant:",
    "llava_llama_2": (
        "[INST] <<SYS>>\nYou are a helpful language and vision assistant. You are able to "
        "understand the visual content that the user provides, and assist the user with a variety "
        "of tasks using natural language.\n<</SYS>>\n\n<image>\nHi [/INST] Yes </s>"
        "<s>[INST] Why? [/INST]"
    ),
    "mpt": (
        "<|im_start|>system\nA conversation between a user and an LLM-based AI assistant. The "
        "assistant gives helpful and honest answers.<|im_end|><|im_start|>user\n<image>\nHi"
        "<|im_end|><|im_start|>assistant\nYes<|im_end|><|im_start|>user\nWhy?<|im_end|>"
        "<|im_start|>assistant\n"
    ),
    "plain": "<image>\nHi\nYes\nWhy?\n",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_templates_write_several_turns_as_the_original_does(chat: ChatFormat, name: str) -> None:
    pieces = ChatFormat(TEMPLATES[name], chat.tokenizer).pieces(Prompt(MET))
    assert "<image>".join(pieces) == WRITTEN[name]


@pytest.mark.parametrize(
    ("parts", "written"),
    [
        ((PICTURE, "What?"), "<image>\nWhat?"),
        ((PICTURE, PICTURE, "Same?"), "<image>\n<image>\nSame?"),
        (("", PICTURE, "What?"), "<image>\nWhat?"),
        (("What? ", PICTURE), "What? <image>"),
        (("Is ", PICTURE, " like ", PICTURE, "?"), "Is <image> like <image>?"),
        ((PICTURE, "Like ", PICTURE, "?"), "<image>\nLike <image>?"),
        ((PICTURE,), "<image>\n"),
    ],
)
@pytest.mark.parametrize("start_end", [False, True])
def test_only_pictures_that_lead_a_turn_are_followed_by_a_line_break(
    chat: ChatFormat, parts: tuple[str | Image, ...], written: str, start_end: bool
) -> None:
    marked = ChatFormat(chat.template, chat.tokenizer, start_end=start_end)
    prompt = Prompt((*MET[:2], Turn("user", parts)))
    if start_end:
        written = written.replace("<image>", "<im_start><image><im_end>")
    text = "<image>".join(marked.pieces(prompt))
    assert text.endswith(f" ASSISTANT: Yes<|endoftext|>USER: {written} ASSISTANT:")


PARTS = st.lists(
    st.one_of(st.just(PICTURE), st.text("ab \n{}<>", max_size=4)), min_size=1, max_size=5
)


@given(turns=st.lists(PARTS, min_size=1, max_size=4), name=st.sampled_from(sorted(TEMPLATES)))
def test_every_picture_cuts_the_text_once_and_no_text_is_lost(
    turns: list[list[str | Image]], name: str
) -> None:
    said = [Turn("user" if n % 2 == 0 else "assistant", tuple(t)) for n, t in enumerate(turns)]
    pieces = ChatFormat(TEMPLATES[name], PHI_WORDS).pieces(Prompt(tuple(said)))
    parts = [part for turn in turns for part in turn]
    assert len(pieces) == 1 + sum(isinstance(part, Image) for part in parts)
    text, start = "".join(pieces), 0
    for part in parts:
        if isinstance(part, str):
            start = text.index(part, start) + len(part)


def test_two_pictures_read_as_recorded(chat: ChatFormat, golden: Path) -> None:
    recorded = load_file(golden / "phi" / "golden.safetensors")["two_images.input_ids"][0]
    prompt = Prompt.user(PICTURE, PICTURE, "Compare.")
    assert chat.encode(prompt) == recorded.tolist()


def test_a_system_text_may_hold_braces(chat: ChatFormat) -> None:
    prompt = Prompt((Turn("user", ("Hi",)),), system="Write {json}.")
    assert chat.pieces(prompt) == ["Write {json}. USER: Hi ASSISTANT:"]


def test_an_unknown_conversation_is_refused_with_all_names() -> None:
    assert known_conversation("mpt") == "mpt"
    with pytest.raises(UsageError, match=r"unknown conversation 'chatml'; there are phi, qwen, "):
        known_conversation("chatml")


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_every_family_has_its_templates(family: Family) -> None:
    assert {family.conversation, *(name for _, name in family.conversations)} <= set(TEMPLATES)


def test_a_mistral_whose_tokenizer_knows_openchats_end_of_turn_is_an_openchat(
    tmp_path: Path,
) -> None:
    llama = Path(__file__).parents[2] / "data" / "tokenizers" / "llama"
    plain = read_tokenizer(llama)
    assert conversation_of(MISTRAL, plain) == "mistral"
    config = json.loads((llama / "tokenizer_config.json").read_text())
    token = {"content": "<|end_of_turn|>", "special": True, "normalized": False}
    config["added_tokens_decoder"][str(plain.size)] = token
    folder = Path(shutil.copytree(llama, tmp_path / "openchat"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    openchat = read_tokenizer(folder)
    assert conversation_of(MISTRAL, openchat) == "openchat"
    assert conversation_of(LLAMA, openchat) == "v1"
    assert ChatFormat(TEMPLATES["openchat"], openchat).end_ids == [plain.size]


def test_an_answer_may_stop_at_another_text_than_turns_end_with(chat: ChatFormat) -> None:
    llama_2 = ChatFormat(TEMPLATES["llava_llama_2"], chat.tokenizer)
    ids = chat.tokenizer.encode("fine <s>")
    assert llama_2.stops(ids)
    assert not llama_2.stops(chat.tokenizer.encode("fine </s>"))
    assert llama_2.decode(ids) == "fine"


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
