"""Pieces of text: nothing is taken back, nothing is shown too soon, and joined they are all."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.adapter import MoELlava
from lvlm_eval.models.moe_llava.chat import TEMPLATES, ChatFormat
from lvlm_eval.models.moe_llava.engine.sequence import Finished
from lvlm_eval.models.moe_llava.stream import settled, text_pieces
from lvlm_eval.models.moe_llava.tokenizer import Tokenizer, read_tokenizer
from lvlm_eval.schema import Decoding, Image, Prompt, Request

DATA = Path(__file__).parents[2] / "data"
FOLDERS = {
    "phi": DATA / "golden" / "moe_llava" / "phi",
    "qwen": DATA / "golden" / "moe_llava" / "qwen",
    "stablelm": DATA / "golden" / "moe_llava" / "stablelm",
    "v1": DATA / "tokenizers" / "llama",
}
TOKENIZERS: dict[str, Tokenizer] = {name: read_tokenizer(at) for name, at in FOLDERS.items()}
AWKWARD = "a  isn 't  ' s. 是的，一只猫。 🦊🦊 <|endoftext|> </s> é\n\n\tUSER: it ' s no 't 've"


R = TypeVar("R")


def collect(pieces: Generator[str, None, R]) -> tuple[list[str], R]:
    """All pieces, and what was returned after them."""
    found: list[str] = []
    while True:
        try:
            found.append(next(pieces))
        except StopIteration as end:
            return found, end.value


def one_by_one(ids: Sequence[int]) -> Generator[int, None, Finished]:
    yield from ids
    return Finished("q", tuple(ids), "length")


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_joined_pieces_are_the_whole_text(name: str, data: st.DataObject) -> None:
    tokenizer = TOKENIZERS[name]
    chat = ChatFormat(TEMPLATES[name], tokenizer)
    random = st.lists(st.integers(0, tokenizer.size - 1), max_size=12)
    written = st.integers(0, len(AWKWARD) - 1).map(lambda at: tokenizer.encode(AWKWARD[at:]))
    ids = [token for part in data.draw(st.lists(random | written, max_size=4)) for token in part]
    stop = tuple(data.draw(st.lists(st.sampled_from(["\n\n", "USER:", "🦊a", "s. "]), max_size=2)))
    ends = (chat.template.end, *stop)
    pieces, finished = collect(
        text_pieces(one_by_one(ids), lambda so_far: chat.decode(so_far, stop), ends)
    )
    assert "".join(pieces) == chat.decode(ids, stop)
    assert all(pieces)
    assert finished.new_token_ids == tuple(ids)


def test_characters_of_several_tokens_appear_whole() -> None:
    tokenizer = TOKENIZERS["phi"]
    chat = ChatFormat(TEMPLATES["phi"], tokenizer)
    text = "猫🦊 cat"
    ids = tokenizer.encode(text)
    assert len(ids) > len(text)  # each of the first two takes several tokens
    pieces, _ = collect(text_pieces(one_by_one(ids), chat.decode, (chat.template.end,)))
    assert pieces[:2] == ["猫", "🦊"]
    assert "".join(pieces) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("hello", "hello"),
        ("a longer sentence goes on", "a longer sentence goes"),
        ("it is n", "it"),  # may become "it isn't"
        ("caf\ufffd", "caf"),
        ("the end <|endo", "the end"),
        ("at the end <", "at the"),
        ("an answer\n\nUSE", "an answer"),
        ("是的，一只猫", "是的，一只猫"),
    ],
)
def test_what_later_tokens_may_change_is_held_back(text: str, shown: str) -> None:
    assert settled(text, ("<|endoftext|>", "\n\nUSER:")) == shown


@given(st.text(), st.lists(st.text(min_size=1), max_size=3))
@example("ab", ["b", "ab"])
def test_what_is_settled_begins_the_text(text: str, ends: list[str]) -> None:
    found = settled(text, ends)
    assert text.startswith(found)
    assert not any(found.endswith(end) for end in ends if text.endswith(end))


@pytest.fixture(scope="module")
def model() -> MoELlava:
    return moe_llava.load(str(FOLDERS["phi"]), device="cpu")


@pytest.mark.parametrize(
    "decoding",
    [
        Decoding(max_new_tokens=16),
        Decoding(max_new_tokens=16, temperature=1.5, seed=3),
        Decoding(max_new_tokens=16, temperature=1.5, top_p=0.7, seed=4),
    ],
    ids=["greedy", "sampled", "nucleus"],
)
def test_a_streamed_answer_is_the_generated_one(model: MoELlava, decoding: Decoding) -> None:
    picture = Image(FOLDERS["phi"] / "image.png")
    for question in ("What is in this picture?", "Count."):
        request = Request(question, Prompt.user(picture, question))
        (expected,) = model.generate([request], decoding)
        pieces, response = collect(model.stream(request, decoding))
        assert response == expected
        assert "".join(pieces) == expected.text
        assert len(pieces) > 2


def test_a_stop_string_ends_the_stream_and_is_not_shown(model: MoELlava) -> None:
    request = Request("q", Prompt.user(Image(FOLDERS["phi"] / "image.png"), "What is it?"))
    whole, _ = collect(model.stream(request, Decoding(max_new_tokens=16)))
    text = "".join(whole)
    stop = text[len(text) // 2 :][:4]
    decoding = Decoding(max_new_tokens=16, stop=(stop,))
    pieces, response = collect(model.stream(request, decoding))
    assert response.finish == "stop"
    assert "".join(pieces) == response.text == text.partition(stop)[0]


def test_a_broken_picture_gives_no_piece_and_its_error(model: MoELlava, tmp_path: Path) -> None:
    request = Request("q", Prompt.user(Image(tmp_path / "gone.png"), "What is it?"))
    pieces, response = collect(model.stream(request, Decoding()))
    assert (pieces, response.finish) == ([], "error")
    assert "gone.png: no such image" in response.error
