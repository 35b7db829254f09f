"""A model of transformers over two processes answers as one by itself, or says why it cannot."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from lvlm_eval.models.hf.adapter import HFModel
from lvlm_eval.schema import JSON, Decoding, Image, Prompt, Request

from ...processes import Job, launch
from .asking import SIX, ask, open_tiny, questions
from .conftest import Folders

WORKER = Path(__file__).with_name("replica_worker.py")
DRAWN = Decoding(max_new_tokens=6, temperature=1.0, seed=4)
KINDS = ("llava", "qwen2_vl", "idefics3")
HALF = {
    "self_attn.q_proj.weight": [16, 32],
    "self_attn.k_proj.weight": [8, 32],
    "self_attn.o_proj.weight": [32, 16],
    "mlp.up_proj.weight": [24, 32],
    "mlp.down_proj.weight": [32, 24],
}
ONE_HEAD = [
    "CheckpointError",
    (
        "--parallel tp=2: LlavaForConditionalGeneration has 1 head in "
        "model.language_model.layers.*.self_attn.k_proj.weight, which 2 processes cannot share "
        "evenly; what fits: tp=1"
    ),
]
NO_ROOM = [
    "Incomplete",
    (
        "out of memory with 1 question at once (CUDA out of memory.); processes that share a "
        "model cannot go on with less by themselves: the same command with a larger tp goes on"
    ),
]


def test_two_processes_answer_like_one_refuse_alike_and_end_when_one_dies(
    checkpoint: Folders, tmp_path: Path
) -> None:
    broken = Image(path=tmp_path / "work.json")  # no picture
    asked = [*questions(), Request("broken", Prompt.user(broken, "What?"))]
    (tmp_path / "requests").write_bytes(pickle.dumps(asked))
    llava = str(checkpoint("llava"))
    ways = [(kind, reuse) for kind in KINDS for reuse in ("on", "off")]

    def job(name: str, folder: str, **more: JSON) -> Job:
        requests = str(tmp_path / "requests")
        return name, 1, 2, 1, {"folder": folder, "requests": requests, **more}

    jobs = [
        *(job("answers", str(checkpoint(kind)), reuse=reuse) for kind, reuse in ways),
        job("unlike", llava),
        job("unasked", llava),
        job("refused", changed(checkpoint("llava"), tmp_path / "one", num_key_value_heads=1)),
        job(
            "refused",
            llava,
            second=changed(checkpoint("llava"), tmp_path / "three", num_hidden_layers=3),
        ),
        job("full", llava),
        job("dying", llava, reuse="off"),
    ]
    *answers, unlike, unasked, heads, layers, full, death = launch(WORKER, jobs, tmp_path, 200)
    for (kind, reuse), found in zip(ways, answers, strict=True):
        model = open_tiny(checkpoint(kind), reuse=reuse)
        assert isinstance(found, Mapping)
        assert found["greedy"] == as_json(model, asked, SIX), (kind, reuse)
        assert found["drawn"] == as_json(model, asked, DRAWN), (kind, reuse)
        assert found["reuse"] == reuse
        held = found["held"]
        assert isinstance(held, Mapping)
        for name, shape in HALF.items():
            assert [s for n, s in held.items() if n.endswith(name)] == [shape] * 2, name
    assert unlike == {"greedy": as_json(open_tiny(Path(llava)), asked, SIX), "reuse": "off"}
    assert unasked is False
    assert heads == ONE_HEAD
    assert isinstance(layers, list)
    assert str(layers[1]).startswith("rank 1 of the replica: ")
    assert "the weights lack" in str(layers[1])
    assert full == NO_ROOM
    assert isinstance(death, list)
    seconds, kind_of, said = death
    assert float(str(seconds)) < 60
    assert kind_of == "Incomplete"
    assert "rank 0 of the replica has lost another one" in str(said)


def changed(folder: Path, to: Path, **fields: int) -> str:
    """A copy of a tiny model with these fields of its decoder's configuration."""
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text())
    config["text_config"] |= fields
    (to / "config.json").write_text(json.dumps(config))
    return str(to)


def as_json(model: HFModel, asked: list[Request], decoding: Decoding) -> dict[str, JSON]:
    """The answers of one process."""
    return {name: asdict(response) for name, response in ask(model, asked, decoding).items()}
