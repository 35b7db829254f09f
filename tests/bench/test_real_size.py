"""The measurement of a released shape, on a shape of some kilobytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import real_size
from bench.shapes import CLIP_LARGE_336, PREPROCESSOR, SHAPES, Shape

TOWER = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2, "image_size": 28}
LANGUAGE = {"hidden_size": 40, "intermediate_size": 32, "num_attention_heads": 2,
            "num_key_value_heads": 2}  # fmt: skip


@pytest.mark.parametrize("drawn", [False, True])
def test_one_question_is_measured(
    drawn: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(real_size, "CLIP_LARGE_336", {**CLIP_LARGE_336, **TOWER})
    sizes = {"size": 28, "crop_size": 28}
    monkeypatch.setattr(real_size, "PREPROCESSOR", {**PREPROCESSOR, **sizes})
    released = SHAPES["phi2-2.7b-4e"]
    small = Shape(
        {**released.config, **LANGUAGE, "mm_hidden_size": 32}, 4, released.write_tokenizer
    )
    assert real_size.write(tmp_path, small, 2, weights=not drawn) > 0 or drawn
    assert real_size.write(tmp_path, small, 2, weights=not drawn) == 0
    real_size.measure(tmp_path, "bfloat16", "cpu", drawn=drawn)
    said = capsys.readouterr().out
    assert "one is a picture of 4 vectors" in said
    assert "further tokens: " in said
