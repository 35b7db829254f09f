"""Pictures and questions for the tests, and how a model is asked them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import PIL.Image

from lvlm_eval.models.hf import load
from lvlm_eval.models.hf.adapter import HFModel
from lvlm_eval.schema import Decoding, Image, Prompt, Request, Response, Turn

SIX = Decoding(max_new_tokens=6)


def open_tiny(folder: Path, *, batch: int = 4, reuse: str = "auto", dtype: str = "auto") -> HFModel:
    return load(str(folder), device="cpu", batch=batch, reuse=reuse, dtype=dtype)


def picture(shade: int, size: tuple[int, int]) -> Image:
    """A shaded picture with a block of its own colour."""
    drawn = PIL.Image.linear_gradient("L").resize(size).convert("RGB")
    drawn.paste((shade, 10, 200), (0, 0, size[0] // 2, size[1] // 2))
    file = io.BytesIO()
    drawn.save(file, "PNG")
    return Image(data=file.getvalue())


RED, BLUE = picture(240, (60, 40)), picture(20, (90, 120))


def questions() -> list[Request]:
    """Groups on one and on two pictures, pictures asked about once, words alone, a conversation."""
    turns = (
        Turn("user", (RED, "What?")),
        Turn("assistant", ("It is.",)),
        Turn("user", ("Sure?",)),
    )
    return [
        Request("red 1", Prompt.user(RED, "What?")),
        Request("words 1", Prompt.user("Hello")),
        Request("blue 1", Prompt.user(BLUE, "Is it red, or is it something else?")),
        Request("red 2", Prompt.user(RED, "Is there a dog?")),
        Request("both 1", Prompt.user(RED, BLUE, "compare")),
        Request("once", Prompt.user(picture(99, (50, 70)), "Why?")),
        Request("conversation", Prompt(turns, system="Be brief.")),
        Request("blue 2", Prompt.user(BLUE, "x")),
        Request("both 2", Prompt.user(RED, "and", BLUE, "compare them all")),
        Request("red 3", Prompt.user(RED, "How many are there?")),
        Request("words 2", Prompt.user("Hello there, you")),
    ]


def ask(
    model: HFModel, requests: Iterable[Request], decoding: Decoding = SIX
) -> dict[str, Response]:
    """The responses by question, each question answered once."""
    responses = list(model.generate(requests, decoding))
    by_name = {response.question_id: response for response in responses}
    assert len(by_name) == len(responses)
    return by_name
