"""A model of transformers over two processes answers as one by itself, or says why it cannot."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from lvlm_eval.models.hf.adapter import HFModel
from lvlm_eval.schema import JSON, Decoding, Image, Prompt, Request

from ...processes import Job, launch
from .asking import SIX, ask, open_tiny, questions
from .conftest import Folders

WORKER = Path(__file__).with_name("replica_worker.py")
DRAWN = Decoding(max_new_tokens=6, temperature=1.0, seed=4)
WAYS = [(kind, reuse) for kind in ("llava", "qwen2_vl", "idefics3") for reuse in ("on", "off")]
BROKEN = Image(path=WORKER)  # no picture
ASKED = [*questions(), Request("broken", Prompt.user(BROKEN, "What?"))]
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
        "out of memory with 4 questions at once (CUDA out of memory.); processes that share a "
        "model cannot go on with less by themselves: the same command with batch=2 goes on"
    ),
]


@pytest.fixture(scope="module")
def found(checkpoint: Folders, tmp_path_factory: pytest.TempPathFactory) -> dict[str, JSON]:
    """What two processes find in all jobs, started once."""
    folder, llava = tmp_path_factory.mktemp("replica"), checkpoint("llava")
    (folder / "requests").write_bytes(pickle.dumps(ASKED))
    asked = {"requests": str(folder / "requests")}
    one_head = changed(llava, folder / "one", num_key_value_heads=1)
    three_layers = changed(llava, folder / "three", num_hidden_layers=3)
    jobs: dict[str, tuple[str, dict[str, str]]] = {
        f"{kind} {reuse}": ("answers", {"folder": str(checkpoint(kind)), "reuse": reuse})
        for kind, reuse in WAYS
    } | {
        "half": ("answers", {"dtype": "bfloat16"}),
        "unlike": ("unlike", {}),
        "unasked": ("unasked", {}),
        "heads": ("refused", {"folder": one_head}),
        "layers": ("refused", {"second": three_layers}),
        "full": ("full", {"reuse": "off"}),
        "dying": ("dying", {"reuse": "off"}),
    }
    work: list[Job] = [
        (name, 1, 2, 1, {"folder": str(llava), **asked, **how}) for name, how in jobs.values()
    ]
    return dict(zip(jobs, launch(WORKER, work, folder, 200), strict=True))


@pytest.mark.parametrize(("kind", "reuse"), WAYS)
def test_two_processes_answer_like_one_and_each_holds_half_of_the_layers(
    found: dict[str, JSON], checkpoint: Folders, kind: str, reuse: str
) -> None:
    facts, model = found[f"{kind} {reuse}"], open_tiny(checkpoint(kind), reuse=reuse)
    assert isinstance(facts, Mapping)
    assert facts["greedy"] == as_json(model, SIX)
    assert facts["drawn"] == as_json(model, DRAWN)
    assert facts["reuse"] == reuse
    held = facts["held"]
    assert isinstance(held, Mapping)
    for name, shape in HALF.items():
        assert [s for n, s in held.items() if n.endswith(name)] == [shape] * 2, name


def test_half_precision_runs(found: dict[str, JSON]) -> None:
    facts = found["half"]
    assert isinstance(facts, Mapping)
    greedy = facts["greedy"]
    assert isinstance(greedy, Mapping)
    assert len(greedy) == len(ASKED)
    assert [name for name, one in greedy.items() if "'finish': 'error'" in str(one)] == ["broken"]


def test_where_ranks_are_of_two_minds_the_first_tells_tokens_and_any_refuses_to_share(
    found: dict[str, JSON], checkpoint: Folders
) -> None:
    greedy = as_json(open_tiny(checkpoint("llava")), SIX)
    assert found["unlike"] == {"greedy": greedy, "reuse": "off"}


def test_without_a_question_all_end(found: dict[str, JSON]) -> None:
    assert found["unasked"] is False  # there is no process group any more


def test_what_one_cannot_do_all_refuse(found: dict[str, JSON]) -> None:
    assert found["heads"] == ONE_HEAD
    kind, said = pair(found["layers"])
    assert kind == "CheckpointError"
    assert said.startswith("rank 1 of the replica: ")
    assert "the weights lack" in said


def test_where_the_memory_ends_it_is_said_what_to_do(found: dict[str, JSON]) -> None:
    assert found["full"] == NO_ROOM


def test_who_waits_for_one_that_died_hears_of_it(found: dict[str, JSON]) -> None:
    death = found["dying"]
    assert isinstance(death, list)
    assert float(str(death[0])) < 60
    kind, said = pair(death[1:])
    assert kind == "Incomplete"
    assert "rank 0 of the replica has lost another one" in said


def pair(found: JSON) -> tuple[str, str]:
    """The kind of an error and what it says."""
    assert isinstance(found, list)
    kind, said = map(str, found)
    return kind, said


def changed(folder: Path, to: Path, **fields: int) -> str:
    """A copy of a tiny model with these fields of its decoder's configuration."""
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text())
    config["text_config"] |= fields
    (to / "config.json").write_text(json.dumps(config))
    return str(to)


def as_json(model: HFModel, decoding: Decoding) -> dict[str, JSON]:
    """The answers of one process."""
    return {name: asdict(response) for name, response in ask(model, ASKED, decoding).items()}
