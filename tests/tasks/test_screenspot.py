"""ScreenSpot: a hit is a box whose centre lies in the target."""

from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import Record, Response

from .hub_files import write_split

TASK = load_task("screenspot")


def row(source: str, kind: str, *box: float) -> dict[str, object]:
    where = {"data_source": source, "data_type": kind, "file_name": "screen.png"}
    return {**where, "bbox": list(box), "instruction": "close"}


def test_hits_are_counted_by_platform_and_kind(tmp_path: Path) -> None:
    rows = [
        row("ios", "text", 0.1, 0.1, 0.3, 0.3),
        row("windows", "icon", 0.5, 0.5, 0.6, 0.6),
        row("gitlab", "icon", 0.0, 0.0, 0.2, 0.2),
    ]
    write_split(tmp_path / "screenspot/test-00000-of-00001.parquet", rows, {"image": None})
    samples = list(TASK.samples(tmp_path))
    texts = ["[0.1, 0.1, 0.5, 0.5]", "It is [0.4, 0.4, 0.5, 0.5].", "nowhere"]
    records = []
    for sample, text in zip(samples, texts, strict=True):
        response = Response(sample.question_id, text, "stop")
        records.append(Record(sample, response, TASK.scorer.score(sample, response)))
    assert records[2].score.answer is None
    figures = TASK.scorer.finish(TASK.scorer.tally(records))
    assert figures["kind/mobile_text"] == 1  # the centre lies on the target's corner
    assert figures["kind/desktop_icon"] == 0
    assert figures["kind/web_icon"] == 1  # no box is one of zeros, as in the script
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["IoU"] == pytest.approx(0.04 / 0.16 / 3)


def test_a_box_has_four_numbers(tmp_path: Path) -> None:
    rows = [row("ios", "text", 0.1, 0.1, 0.3)]
    write_split(tmp_path / "screenspot/test-00000-of-00001.parquet", rows, {"image": None})
    with pytest.raises(DataError, match=r"parquet:1: 'bbox' must be four numbers"):
        list(TASK.samples(tmp_path))
