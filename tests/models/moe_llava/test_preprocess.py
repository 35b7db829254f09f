"""Pixels: recorded hashes of real sizes, and small pictures by hand."""

from __future__ import annotations

from collections.abc import Mapping

import PIL.Image
import pytest
import torch

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.fields import Fields
from lvlm_eval.models.moe_llava.preprocess import Processor, read_processor
from lvlm_eval.schema import JSON

PLAIN: dict[str, JSON] = {
    "size": {"shortest_edge": 4},
    "crop_size": {"height": 4, "width": 4},
    "do_center_crop": True,
    "image_mean": [0.5, 0.25, 0.0],
    "image_std": [0.5, 0.25, 1.0],
}


def processor(aspect_ratio: str = "square", changes: Mapping[str, JSON] = PLAIN) -> Processor:
    return read_processor(Fields({**PLAIN, **changes}, "preprocessor_config.json"), aspect_ratio)


def test_values_are_rescaled_and_normalised_channel_by_channel() -> None:
    pixels = processor().pixels(PIL.Image.new("RGB", (4, 4), (255, 0, 51)))
    assert pixels.shape == (3, 4, 4)
    assert pixels.dtype == torch.float32
    assert pixels[:, 0, 0].tolist() == pytest.approx([1.0, -1.0, 0.2])


def test_padding_is_the_mean_colour_and_the_odd_pixel_goes_to_the_right() -> None:
    picture = PIL.Image.new("RGB", (1, 4), (255, 255, 255))
    pixels = processor("pad").pixels(picture)
    # a column of 1 in 4: 1 before, 2 after; int(255 * 0.5) = 127, int(255 * 0.25) = 63
    row = pixels[0, 0].tolist()
    assert row == pytest.approx([(127 / 255 - 0.5) / 0.5, 1.0, *[(127 / 255 - 0.5) / 0.5] * 2])
    assert pixels[1, 3].tolist()[0] == pytest.approx((63 / 255 - 0.25) / 0.25)


def test_without_padding_the_centre_is_cut_out() -> None:
    picture = PIL.Image.new("RGB", (9, 4), (0, 0, 0))
    picture.paste((255, 0, 0), (2, 0, 6, 4))  # columns 2..5: the centre of 9 at (9 - 4) // 2
    pixels = processor().pixels(picture)
    assert (pixels[0] == 1).all()


def test_a_size_of_height_and_width_stretches() -> None:
    siglip = processor(changes={"size": {"height": 4, "width": 4}, "do_center_crop": False})
    picture = PIL.Image.new("RGB", (8, 4), (255, 255, 255))
    picture.paste((0, 0, 0), (0, 0, 4, 4))
    pixels = siglip.pixels(picture)
    assert pixels.shape == (3, 4, 4)
    assert pixels[0, :, 0].max() < -0.8
    assert pixels[0, :, 3].min() > 0.8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resample": 2}, "only bicubic"),
        ({"crop_size": {"height": 5, "width": 5}}, "do not fit"),
        ({"image_mean": [0.5]}, "'image_mean' must be a list of 3 numbers"),
    ],
)
def test_processors_of_another_kind_are_refused(changes: dict[str, JSON], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        processor(changes=changes)
