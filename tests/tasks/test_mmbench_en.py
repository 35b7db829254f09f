"""MMBench in both languages: the recorded tables in each layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import Vectors, write_data
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Sample

NAMES = ("mmbench_en", "mmbench_cn")


@pytest.mark.parametrize("name", NAMES)
def test_every_layout_gives_the_same_samples(
    name: str,
    vectors: Callable[[str], Vectors],
    official: Callable[[str], Path],
    hub: Callable[..., Path],
    content: Callable[[Sequence[Sample]], list[JSON]],
    tmp_path: Path,
) -> None:
    task = load_task(name)
    ours = content(list(task.samples(official(name))))
    ((file, table),) = vectors(name).annotations.items()
    assert isinstance(table, Sequence)
    folder = {"mmbench_en": "mmbench", "mmbench_cn": "mmbench_cn"}[name]
    write_data({f"{folder}/{file}": table}, tmp_path / "llava")
    assert content(list(task.samples(tmp_path / "llava"))) == ours
    rows = [
        {("L2-category" if k == "l2-category" else k): v or "nan" for k, v in row.items()}
        for row in table
        if isinstance(row, Mapping)
    ]
    plain = [{k: v for k, v in row.items() if k != "image"} for row in rows]
    hub(tmp_path / f"hub/{name}/{name[-2:]}/dev-00000-of-00001.parquet", plain, {"image": 0})
    assert content(list(task.samples(tmp_path / "hub"))) == ours
