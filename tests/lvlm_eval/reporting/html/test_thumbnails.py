"""Pictures for the page: each once, within the limits, none that cannot be read."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import PIL.Image
import pytest

from lvlm_eval.reporting.html.thumbnails import SIDE, Limits, picture_samples
from lvlm_eval.schema import Image, Prompt, Sample


def picture(folder: Path, name: str, size: tuple[int, int] = (400, 200)) -> Image:
    PIL.Image.effect_noise(size, 80).convert("RGB").save(folder / name)
    return Image(folder / name)


def sample(question: str, *images: Image) -> Sample:
    return Sample(question, Prompt.user(*images, f"what of {question}?"), "x")


def test_a_picture_of_several_questions_stands_once(tmp_path: Path) -> None:
    one, other = picture(tmp_path, "1.png"), picture(tmp_path, "2.png")
    found = picture_samples({"t": [sample("a", one), sample("b", one), sample("c", other, one)]})
    assert found.places == {"t": {"a": [0], "b": [0], "c": [1, 0]}}
    assert found.questions["t"]["b"] == "what of b?"
    assert (len(found.thumbs), found.note) == (2, "")


def test_thumbnails_are_small_and_tiny_pictures_stay_as_they_are(tmp_path: Path) -> None:
    images = [picture(tmp_path, "large.png", (900, 600)), picture(tmp_path, "tiny.png", (16, 16))]
    found = picture_samples({"t": [sample("a", *images)]})
    sizes = []
    for uri in found.thumbs:
        data = base64.b64decode(uri.partition(",")[2])
        sizes.append(PIL.Image.open(io.BytesIO(data)).size)
    assert sizes == [(SIDE, SIDE * 2 // 3), (16, 16)]


def test_beyond_the_limits_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    samples = [sample(str(n), picture(tmp_path, f"{n}.png")) for n in range(4)]
    found = picture_samples({"t": samples[:2], "u": samples[2:]}, Limits(pictures=2))
    assert found.places == {"t": {"0": [0], "1": []}, "u": {"2": [1], "3": []}}
    assert found.note == "2 of 4 pictures are in this file"
    assert not picture_samples({"t": samples}, Limits(size=10)).thumbs


@pytest.mark.parametrize("content", [b"no picture", None])
def test_a_picture_that_cannot_be_read_is_left_out(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "broken.png"
    if content is not None:
        file.write_bytes(content)
    found = picture_samples({"t": [sample("a", Image(file))]})
    assert (found.thumbs, found.places["t"]["a"]) == ([], [])
    assert found.note == "0 of 1 pictures are in this file"
