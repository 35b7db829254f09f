"""A network over several processes computes and answers as one by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bench.scaling import step
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.routing import write_loads
from lvlm_eval.schema import JSON

from ....processes import Job, launch

WORKER = Path(__file__).with_name("worker.py")
GOLDEN = Path(__file__).parents[3] / "data" / "golden" / "moe_llava"
# More recorded checkpoints than are kept here, where somebody has them.
MORE = os.environ.get("LVLM_EVAL_GOLDEN", "")
FAR = 1e-4  # of logits


def test_two_processes_answer_like_one_and_end_when_one_dies(tmp_path: Path) -> None:
    folders: list[JSON] = [str(GOLDEN / name) for name in ("phi_residual", "qwen")]
    loads = tmp_path / "routing.npz"  # in turn the two heaviest are together
    write_loads(loads, {0: [60, 10, 50, 0], 2: [9, 1, 9, 1]})
    jobs: list[Job] = [
        ("fixtures", 1, 2, 1, folders[:1]),
        ("fixtures", 1, 2, 2, folders[1:]),
        ("answers", 1, 2, 2, folders[0]),
        ("sent", 1, 2, 2, folders[1]),
        ("placed", 1, 2, 2, [folders[1], str(loads)]),
        ("refused", 1, 2, 2, str(GOLDEN / "phi_dense")),
        ("dying", 1, 2, 1, folders[0]),
    ]
    split, dealt, answers, sent, placed, refusal, death = launch(WORKER, jobs, tmp_path, 120)
    _check_all([split, dealt])
    assert isinstance(answers, dict)
    assert [way for way, same in answers.items() if same is not True] == []
    assert len(answers) == 10
    decoder = open_checkpoint(str(GOLDEN / "qwen")).network_config(512).decoder
    expected = step(decoder, tokens=24, asked=24, ranks=2, size=4).bytes
    assert float(str(sent)) == pytest.approx(expected, rel=0.01)
    assert isinstance(placed, dict)
    assert float(str(placed["far"])) <= FAR
    assert placed["here"] == [[0, 3], [0, 1]]  # in turn both would be [0, 2]
    assert placed["served"] == [48, 48]  # each of 24 tokens by two experts of a layer
    assert "there are 0 experts in a layer" in str(refusal)
    assert isinstance(death, Sequence)
    seconds, said = death
    assert isinstance(seconds, float)
    assert seconds < 60
    assert "has lost another one" in str(said)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_recorded_checkpoints_in_every_placement(tmp_path: Path) -> None:
    roots = [GOLDEN, *([Path(MORE)] if MORE else [])]
    every = {file.parent.name: file.parent for root in roots for file in root.glob("*/golden.json")}
    names = [str(every[name]) for name in sorted(every)]
    experts = [name for name in names if "dense" not in name]
    four = [name for name in experts if "custom" not in name]  # that one has 2 and 3 experts
    jobs: list[Job] = [
        ("fixtures", 2, 2, 1, names),
        ("fixtures", 2, 2, 2, experts),
        ("fixtures", 1, 4, 1, names),
        ("fixtures", 1, 4, 2, experts),
        ("fixtures", 1, 4, 4, four),
    ]
    _check_all(launch(WORKER, jobs, tmp_path, 1100))


def _check_all(found: Sequence[JSON]) -> None:
    for results in found:
        assert isinstance(results, Mapping)
        assert results
        for name, facts in results.items():
            assert isinstance(facts, Mapping)
            assert facts["wrong"] == [], name
            assert float(str(facts["logits"])) <= FAR, name
            assert facts["ids"] == 0, name
