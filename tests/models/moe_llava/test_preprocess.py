"""Pixels: recorded hashes of real sizes, and small pictures by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import PIL.Image
import pytest
import torch
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.fields import Fields
from lvlm_eval.models.moe_llava.preprocess import Preprocess, Processor, pads, read_processor
from lvlm_eval.schema import JSON

PLAIN: dict[str, JSON] = {
    "image_processor_type": "CLIPImageProcessor",
    "size": {"shortest_edge": 4},
    "crop_size": {"height": 4, "width": 4},
    "do_center_crop": True,
    "image_mean": [0.5, 0.25, 0.0],
    "image_std": [0.5, 0.25, 1.0],
}


# Files as they are found, each to be read as transformers reads it.
AS_FOUND: dict[str, dict[str, JSON]] = {
    "one number, the class by its old name": {
        "feature_extractor_type": "CLIPFeatureExtractor",
        "size": 18,
        "crop_size": 16,
        "resample": 3,
    },
    "nothing but the class": {"image_processor_type": "CLIPImageProcessorFast"},
    "not rescaled": {"image_processor_type": "CLIPImageProcessor", "do_rescale": False},
    "not normalised": {"image_processor_type": "CLIPImageProcessor", "do_normalize": False},
    "only the defaults of SigLIP": {"image_processor_type": "SiglipImageProcessor"},
    "SigLIP, larger": {
        "image_processor_type": "SiglipImageProcessorPil",
        "size": {"height": 20, "width": 20},
    },
    "LLaVA's own, padding": {
        "image_processor_type": "LlavaImageProcessor",
        "do_pad": True,
        "size": {"shortest_edge": 20},
        "crop_size": {"height": 20, "width": 20},
    },
    "CLIP, stretched": {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"height": 21, "width": 21},
        "do_center_crop": False,
    },
}
THEIRS = {
    "CLIP": CLIPImageProcessorPil,
    "Llava": LlavaImageProcessorPil,
    "Siglip": SiglipImageProcessorPil,
}


def processor(aspect_ratio: str = "square", changes: Mapping[str, JSON] = PLAIN) -> Processor:
    return read_processor(Fields({**PLAIN, **changes}, "preprocessor_config.json"), aspect_ratio)


@pytest.mark.parametrize("values", AS_FOUND.values(), ids=list(AS_FOUND))
def test_files_as_found_mean_what_they_mean_to_transformers(values: dict[str, JSON]) -> None:
    name = str(values.get("image_processor_type", values.get("feature_extractor_type")))
    kind = next(theirs for start, theirs in THEIRS.items() if name.startswith(start))
    noise = np.random.default_rng(1).integers(0, 256, (30, 47, 3), dtype=np.uint8)
    picture = PIL.Image.fromarray(noise)
    expected = kind(**values)(picture, return_tensors="pt")["pixel_values"][0]
    pixels = read_processor(Fields(values, "preprocessor_config.json"), "square").pixels(picture)
    assert torch.equal(pixels, expected.float())


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
        ({"do_resize": False}, "do_resize is false"),
        ({"do_center_crop": False}, "do_center_crop is false with a shortest_edge"),
        ({"size": {"height": 6, "width": 6}}, "do not fit"),
        ({"image_processor_type": "Siglip2ImageProcessor"}, "'Siglip2ImageProcessor' is none of"),
        ({"image_processor_type": None}, "image_processor_type '' is none of CLIPImageProcessor"),
        ({"size": "large"}, "'size' must be an integer"),
    ],
)
def test_processors_of_another_kind_are_refused(changes: dict[str, JSON], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        processor(changes=changes)


def test_pixels_of_another_size_than_the_towers_are_refused() -> None:
    processor().check_fits(4, "preprocessor_config.json")
    with pytest.raises(CheckpointError, match=r"gives pictures of 4 x 4, but .* image_size 6"):
        processor().check_fits(6, "preprocessor_config.json")


@pytest.mark.parametrize(
    ("preprocess", "expected"),
    [
        # configured and padded, configured only, padded only, neither
        ("auto", [True, True, False, False]),
        ("original", [True, False, False, False]),
        ("pad", [True] * 4),
        ("square", [False] * 4),
    ],
)
def test_who_decides_about_padding(preprocess: Preprocess, expected: list[bool]) -> None:
    cases = [(True, True), (True, False), (False, True), (False, False)]
    assert [pads(preprocess, *case) for case in cases] == expected
