"""CV-Bench: the authors' formula by hand."""

from pathlib import Path

import pytest

from lvlm_eval.plugins import load_task
from lvlm_eval.schema import Record, Response

from .hub_files import write_split

TASK = load_task("cv_bench")


def test_the_figure_is_the_mean_of_two_halves_of_unequal_size(tmp_path: Path) -> None:
    sources = ["ADE20K"] * 4 + ["COCO"] * 2 + ["Omni3D"] * 5
    rows = [
        {
            "idx": i, "type": "3D" if source == "Omni3D" else "2D", "task": "Count",
            "source": source, "question": "How many?", "choices": ["1", "2"], "answer": "(B)",
            "prompt": "How many?\n(A) 1\n(B) 2",
        }
        for i, source in enumerate(sources)
    ]  # fmt: skip
    write_split(tmp_path / "cv_bench/test_2d.parquet", rows[:6], {"image": None})
    write_split(tmp_path / "cv_bench/test_3d.parquet", rows[6:], {"image": None})
    samples = list(TASK.samples(tmp_path))
    assert len(samples) == 11
    texts = ["(B)", "B", "b.", "A", "The answer is (B)", "2", "B", "A", "A", "A", "A"]
    responses = [Response(s.question_id, t, "stop") for s, t in zip(samples, texts, strict=True)]
    records = [
        Record(s, r, TASK.scorer.score(s, r)) for s, r in zip(samples, responses, strict=True)
    ]
    figures = TASK.scorer.finish(TASK.scorer.tally(records))
    assert figures["2D"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert figures["3D"] == pytest.approx(1 / 5)
    assert figures["cv_bench"] == pytest.approx((0.625 + 0.2) / 2)
    assert figures["accuracy"] == pytest.approx(5 / 11)
