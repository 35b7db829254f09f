"""The preprocessing fixture: pictures of real size against recorded hashes of their pixels."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

from lvlm_eval.images import open_rgb
from lvlm_eval.schema import Image

from ..fields import Fields, read_json
from ..preprocess import read_processor
from .report import Difference, FixtureResult, conclude


def compare_pixels(folder: Path) -> FixtureResult:
    """Every case of expected.json; equal hashes are 0 apart, unequal ones without measure."""
    expected = read_json(folder / "expected.json")
    differences: dict[str, Difference] = {}
    for case in expected.objects("cases"):
        name = "/".join(case.text(key) for key in ("image", "processor", "image_aspect_ratio"))
        equal = _digest(folder, case) == case.text("sha256_float32")
        differences[name] = Difference(max_abs_diff=0.0 if equal else math.inf, tolerance=0.0)
    return conclude(differences, [], {})


def _digest(folder: Path, case: Fields) -> str:
    """SHA-256 of our pixels as little-endian fp32."""
    config = read_json(folder / case.text("processor") / "preprocessor_config.json")
    processor = read_processor(config, case.text("image_aspect_ratio"))
    pixels = processor.pixels(open_rgb(Image(folder / case.text("image"))))
    return hashlib.sha256(pixels.numpy().astype("<f4").tobytes()).hexdigest()
