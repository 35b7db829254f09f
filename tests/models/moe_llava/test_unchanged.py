"""Weights in use that somebody writes over are an error, not another answer."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava import reading
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.unchanged import check_unchanged, stamps_of
from lvlm_eval.schema import Decoding, Image, Prompt, Request


def test_a_file_that_is_replaced_touched_or_gone_is_named(tmp_path: Path) -> None:
    file = tmp_path / "w"
    file.write_text("one")
    stamps = stamps_of([file, tmp_path / "never was"])
    check_unchanged(stamps)
    os.utime(file, ns=(1, 1))
    with pytest.raises(CheckpointError, match=r"w: has changed since the checkpoint was opened"):
        check_unchanged(stamps)
    file.unlink()
    with pytest.raises(CheckpointError, match=r"w: has changed"):
        check_unchanged(stamps)


def test_weights_changed_between_opening_and_loading_are_refused(
    golden: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(golden / "phi_dense", tmp_path / "phi"))
    opened = open_checkpoint(str(folder))
    os.utime(folder / "model.safetensors", ns=(1, 1))
    with pytest.raises(CheckpointError, match=r"model\.safetensors: has changed"):
        opened.load(412, torch.float32)


def test_no_answer_comes_from_mapped_weights_that_have_changed(
    golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_MAPPED", 1)
    folder = Path(shutil.copytree(golden / "phi_dense", tmp_path / "phi"))
    request = Request("q", Prompt.user(Image(folder / "image.png"), "What?"))
    decoding = Decoding(max_new_tokens=2)
    mapped, copied = (
        moe_llava.load(str(folder), device="cpu", dtype=dtype) for dtype in ("bfloat16", "float16")
    )
    assert next(iter(mapped.generate([request], decoding))).finish != "error"
    next(iter(copied.generate([request], decoding)))
    os.utime(folder / "model.safetensors", ns=(1, 1))
    next(iter(copied.generate([request], decoding)))
    with pytest.raises(CheckpointError, match=r"model\.safetensors: has changed"):
        next(iter(mapped.generate([request], decoding)))
