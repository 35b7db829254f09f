"""The report in every format, letter by letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvlm_eval.reporting.files import WRITERS

from .golden_report import golden_file, golden_report


@pytest.mark.parametrize("kind", WRITERS)
def test_the_report_is_the_golden_one(tmp_path: Path, kind: str) -> None:
    assert golden_report(tmp_path, kind) == golden_file(kind).read_text("utf-8")
