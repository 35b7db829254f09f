"""Two processes that tell each other things; and what is said when the memory ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lvlm_eval.wire import partners, too_much

from ..processes import Job, launch

WORKER = Path(__file__).with_name("wire_worker.py")


def test_texts_and_tensors_come_as_they_are_and_problems_are_shared(tmp_path: Path) -> None:
    jobs: list[Job] = [(name, 1, 2, 1, None) for name in ("shown", "agreed", "dying")]
    said, problems, lost = launch(WORKER, jobs, tmp_path, 60)
    assert said == ["first", "True 5"]
    assert problems == ["rank 1 of the replica: no weights"]
    assert "rank 0 of the replica has lost another one" in str(lost)


def test_a_memory_too_small_says_what_to_do() -> None:
    error = torch.OutOfMemoryError("CUDA out of memory.\nTried")
    said = str(too_much(1, "tp=4", error))
    assert said.startswith("out of memory with 1 question at once (CUDA out of memory.);")
    assert said.endswith("the same command with tp=4 goes on")


def test_errors_of_a_computation_are_no_lost_rank() -> None:
    with pytest.raises(RuntimeError, match="sizes differ"), partners():
        raise RuntimeError("sizes differ")
    with pytest.raises(torch.OutOfMemoryError), partners():
        raise torch.OutOfMemoryError("CUDA out of memory.")
