from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch

from lvlm_eval.models.moe_llava.chat import ChatFormat
from lvlm_eval.models.moe_llava.splice import IGNORED, IMAGE_TOKEN
from lvlm_eval.models.moe_llava.tuning.data import (
    Example,
    batches,
    encode_chat,
    encode_plain,
    share_stem,
)
from lvlm_eval.schema import Image, Prompt, Turn

PICTURE = Image(data=b"not opened here")
TURNS = (
    Turn("user", (PICTURE, "What color is the star?")),
    Turn("assistant", ("red",)),
    Turn("user", ("Is there a ring?",)),
    Turn("assistant", ("no, there is none",)),
)


def _original(turns: tuple[Turn, ...], chat: ChatFormat) -> tuple[list[int], list[int]]:
    """Ids and labels by the original's routine: the whole text at once, masked round by round.

    A round ends at the end token; of a round, what precedes the answer is counted with the
    blank after "ASSISTANT:" and one token less.
    """
    end = chat.template.end
    text = f"{chat.template.system} "
    for turn in turns:
        said = "".join("<image>\n" if isinstance(p, Image) else p for p in turn.parts)
        text += f"USER: {said} " if turn.role == "user" else f"ASSISTANT: {said}{end}"

    def encode(part: str) -> list[int]:
        ids: list[int] = []
        for place, piece in enumerate(part.split("<image>")):
            ids += [IMAGE_TOKEN] * (place > 0) + chat.tokenizer.encode(piece)
        return ids

    ids = encode(text)
    labels = list(ids)
    start = 0
    for part in text.split(end)[:-1]:
        length = len(encode(part)) + 1
        instruction = len(encode(part.split(" ASSISTANT: ")[0] + " ASSISTANT: ")) - 1
        labels[start : start + instruction] = [IGNORED] * instruction
        start += length
    assert start == len(ids)
    return ids, labels


@pytest.mark.parametrize("turns", [TURNS, TURNS[:2], TURNS[2:]])
def test_ids_and_labels_are_those_of_the_original(
    turns: tuple[Turn, ...], chat: ChatFormat
) -> None:
    example = encode_chat(turns, chat)
    assert (example.token_ids.tolist(), example.labels.tolist()) == _original(turns, chat)


def test_only_answers_and_their_ends_are_learnt(chat: ChatFormat) -> None:
    labels = encode_chat(TURNS, chat).labels
    learnt = labels[labels != IGNORED].tolist()
    wanted = " red<|endoftext|> no, there is none<|endoftext|>"
    assert chat.tokenizer.decode(learnt, skip_special=False) == wanted


def test_the_first_question_is_encoded_as_at_inference(chat: ChatFormat) -> None:
    example = encode_chat(TURNS, chat)
    prompt = chat.encode(Prompt(TURNS[:1]))
    assert example.token_ids[: len(prompt)].tolist() == prompt


def test_a_conversation_so_far_is_encoded_as_at_inference(chat: ChatFormat) -> None:
    example = encode_chat(TURNS, chat)
    prompt = chat.encode(Prompt(TURNS[:3]))
    assert example.token_ids[: len(prompt)].tolist() == prompt


def test_the_plain_template_is_the_image_and_the_caption_with_a_line_break(
    chat: ChatFormat,
) -> None:
    example = encode_plain((Turn("user", (PICTURE,)), Turn("assistant", ("a red star",))), chat)
    ids = chat.tokenizer.encode("a red star\n")
    assert example.token_ids.tolist() == [IMAGE_TOKEN, *ids]
    assert example.labels.tolist() == [IGNORED, *ids]
    assert example.images == (PICTURE,)


def test_a_tokenizer_that_adds_a_bos_is_refused(chat: ChatFormat) -> None:
    with_bos = replace(chat, tokenizer=replace(chat.tokenizer, add_bos=True))  # type: ignore[type-var]
    with pytest.raises(ValueError, match="bos"):
        encode_chat(TURNS, with_bos)


def test_conversations_on_one_picture_share_what_is_the_same(chat: ChatFormat) -> None:
    told = [
        (Turn("user", (PICTURE, text)), Turn("assistant", (answer,)))
        for text, answer in (("What color is the star?", "red"), ("Is there a ring?", "no"))
    ]
    alone = [encode_chat(turns, chat) for turns in told]
    shared = share_stem(alone)
    assert shared.branches is not None
    stem = shared.token_ids[shared.branches == 0].tolist()
    assert stem.count(IMAGE_TOKEN) == 1
    assert shared.images == (PICTURE,)
    for number, example in enumerate(alone, start=1):
        mine = shared.branches == number
        assert stem + shared.token_ids[mine].tolist() == example.token_ids.tolist()
        assert shared.labels[mine].tolist() == example.labels[len(stem) :].tolist()


def test_a_stem_holds_nothing_that_is_learnt(chat: ChatFormat) -> None:
    same = encode_chat(TURNS[:2], chat)
    shared = share_stem([same, same])
    assert shared.branches is not None
    assert (shared.labels[shared.branches == 0] == IGNORED).all()
    assert (shared.labels != IGNORED).sum() == 2 * (same.labels != IGNORED).sum()


def test_conversations_on_different_pictures_share_no_stem(chat: ChatFormat) -> None:
    other = (Turn("user", (Image(data=b"another"), "?")), TURNS[1])
    with pytest.raises(ValueError, match="same images"):
        share_stem([encode_chat(TURNS[:2], chat), encode_chat(other, chat)])


def _told(*pictures: Image) -> list[Example]:
    words = torch.tensor([5, 6, 7])
    return [Example(words, words, (picture,)) for picture in pictures]


def test_batches_keep_the_images_in_order_and_stop_with_the_data() -> None:
    examples = _told(*(Image(data=bytes([place])) for place in range(5)))
    examples.insert(1, replace(examples[0], images=()))

    def read(image: Image) -> torch.Tensor:
        assert image.data is not None
        return torch.full((3, 2, 2), float(image.data[0]))

    made = list(islice(batches(iter(examples), read, 4), 9))
    assert [len(batch.token_ids) for batch in made] == [4, 2]
    shown = [batch.pixels[:, 0, 0, 0].tolist() for batch in made if batch.pixels is not None]
    assert shown == [[0.0, 1.0, 2.0], [3.0, 4.0]]


def test_a_batch_without_images_has_no_pixels() -> None:
    blind = iter([replace(_told(PICTURE)[0], images=())])
    (batch,) = batches(blind, lambda image: torch.zeros(3, 2, 2), 4)
    assert batch.pixels is None


def test_a_batch_does_not_mix_groups_and_single_conversations() -> None:
    single, other = _told(PICTURE, PICTURE)
    group = replace(other, branches=torch.tensor([0, 1, 1]))
    with pytest.raises(ValueError, match="mixes"):
        next(batches(iter([single, group]), lambda image: torch.zeros(3, 2, 2), 2))
