"""Pictures read in the background: once while they are wanted, with what goes wrong told."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lvlm_eval.abilities import ReadsAhead
from lvlm_eval.errors import DataError
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.ahead import Ahead, Stall
from lvlm_eval.models.moe_llava.pictures import PictureReader
from lvlm_eval.schema import Decoding, Image, Prompt, Request


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read, in order."""
    read: list[str] = []
    pixels = PictureReader.pixels

    def noted(self: PictureReader, image: Image, prompt: Prompt) -> Tensor | str:
        assert image.path is not None
        read.append(image.path.name)
        return pixels(self, image, prompt)

    monkeypatch.setattr(PictureReader, "pixels", noted)
    return read


def test_a_picture_is_read_once_for_all_who_ask_for_it(golden: Path, reads: list[str]) -> None:
    folder = golden / "phi"
    model = moe_llava.load(str(folder), device="cpu")
    first, second = (Image(folder / name) for name in ("image.png", "image2.png"))
    requests = [
        Request(f"{turn}/{n}", Prompt.user(image, f"What is {turn}?"))
        for turn in range(10)
        for n, image in enumerate((first, second))
    ]
    answers = list(model.generate(iter(requests), Decoding(max_new_tokens=2)))
    assert len(answers) == 20
    assert sorted(reads) == ["image.png", "image2.png"]


def test_a_picture_that_has_been_given_is_read_again_when_wanted_again(
    golden: Path, reads: list[str]
) -> None:
    folder = golden / "phi"
    image = Image(folder / "image.png")
    with ThreadPoolExecutor(1) as threads:
        ahead = Ahead(moe_llava.load(str(folder), device="cpu").pictures, threads, Stall())
        prompt = Prompt.user(image, "What?")
        picture = ahead.picture(image, prompt)
        assert ahead.picture(image, Prompt.user("Other words", image)) is picture
        picture.begin()
        picture.begin()
        once = picture.read()
        assert reads == ["image.png"]
        assert torch.equal(picture.pixels, torch.as_tensor(once))
        assert reads == ["image.png"] * 2


def test_what_goes_wrong_is_said_to_each_who_asks_and_to_nobody_else(
    golden: Path, tmp_path: Path
) -> None:
    folder = golden / "phi"
    model = moe_llava.load(str(folder), device="cpu")
    good, gone = Image(folder / "image.png"), Image(tmp_path / "gone.png")
    requests = [
        Request("good", Prompt.user(good, "What?")),
        Request("gone", Prompt.user(gone, "What?")),
        Request("second gone", Prompt.user(good, "What?", gone)),
        Request("again", Prompt.user(gone, "What is it?")),
        Request("none", Prompt.user("What?")),
    ]
    for routing in ("argmax", "sampled"):
        model = moe_llava.load(str(folder), device="cpu", routing=routing)
        answers = model.generate(iter(requests), Decoding(max_new_tokens=2))
        found = {answer.question_id: answer for answer in answers}
        assert len(found) == 5
        failed = {name for name, answer in found.items() if answer.finish == "error"}
        assert failed == {"gone", "second gone", "again"}
        assert all("gone.png" in found[name].error for name in failed)
    with ThreadPoolExecutor(1) as threads:
        picture = Ahead(model.pictures, threads, Stall()).picture(gone, Prompt.user(gone, "?"))
        with pytest.raises(DataError, match=r"gone\.png"):
            _ = picture.pixels


def test_the_time_that_answers_waited_for_pictures_is_known(
    golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = golden / "phi"
    pixels = PictureReader.pixels

    def slow(self: PictureReader, image: Image, prompt: Prompt) -> Tensor | str:
        threading.Event().wait(0.2)
        return pixels(self, image, prompt)

    model = moe_llava.load(str(folder), device="cpu")
    assert isinstance(model, ReadsAhead)
    assert model.stalled_seconds == 0
    monkeypatch.setattr(PictureReader, "pixels", slow)
    asked = [Request("q", Prompt.user(Image(folder / "image.png"), "What?"))]
    list(model.generate(iter(asked), Decoding(max_new_tokens=1)))
    assert 0.1 < model.stalled_seconds < 60
