"""Inputs are cut where questions on the same pictures begin to differ."""

from __future__ import annotations

import torch

from lvlm_eval.images import open_rgb
from lvlm_eval.models.hf.adapter import HFModel
from lvlm_eval.models.hf.prompts import Item
from lvlm_eval.models.hf.sharing import Shared, share, side_by_side
from lvlm_eval.schema import Part, Prompt, Request, Turn

from .asking import RED, open_tiny
from .conftest import Folders


def grouped(model: HFModel, *prompts: Prompt) -> tuple[list[Shared], list[Item]]:
    """The prompts, named by their place, as they share."""
    shown = open_rgb(RED)
    named = [Request(str(place), prompt) for place, prompt in enumerate(prompts)]
    items = [model.encoder.item(request, [shown]) for request in named]
    return share(model.encoder, items, model.opened.config)


def asked(*parts: Part, system: str = "") -> Prompt:
    return Prompt((Turn("user", parts),), system)


def names(sharing: list[Shared]) -> list[list[str]]:
    return [[item.question_id for item in shared.items] for shared in sharing]


def test_only_what_stands_behind_the_last_picture_is_a_questions_own(checkpoint: Folders) -> None:
    model = open_tiny(checkpoint("llava"))
    (shared,), alone = grouped(model, asked(RED, "one"), asked(RED, "only this"))
    assert not alone
    assert model.runner.tokenizer.decode(shared.prefix["input_ids"][0]).endswith("<image>on")
    rest = [row["input_ids"][0, shared.length :] for row in shared.rows]
    starts = [model.runner.tokenizer.decode(ids) for ids in rest]
    assert starts == ["eassistant:", "ly thisassistant:"]
    assert set(shared.prefix) == {"input_ids", "attention_mask", "pixel_values"}
    assert all(set(row) == {"input_ids", "attention_mask"} for row in shared.rows)


def test_each_system_prompt_has_a_group_of_its_own(checkpoint: Folders) -> None:
    model = open_tiny(checkpoint("qwen2_vl"))
    prompts = [asked(RED, f"{n}", system=s) for n, s in enumerate(("short", "brief") * 2)]
    sharing, alone = grouped(model, *prompts)
    assert (names(sharing), alone) == ([["0", "2"], ["1", "3"]], [])


def test_a_picture_behind_where_questions_differ_is_not_shared(checkpoint: Folders) -> None:
    model = open_tiny(checkpoint("llava"))
    early = [asked(RED, "one"), asked(RED, "two")]
    sharing, alone = grouped(model, asked("first", RED), *early, asked("second", RED))
    assert names(sharing) == [["1", "2"]]
    assert [item.question_id for item in alone] == ["0", "3"]


def test_padding_stands_between_the_prefix_and_the_rest() -> None:
    rows = [
        {"input_ids": torch.tensor([[1, 2, 3]]), "attention_mask": torch.ones(1, 3).long()},
        {"input_ids": torch.tensor([[1, 2, 4, 5, 6]]), "attention_mask": torch.ones(1, 5).long()},
    ]
    joined = side_by_side(rows, 2, pad_id=9)
    assert joined["input_ids"].tolist() == [[1, 2, 9, 9, 3], [1, 2, 4, 5, 6]]
    assert joined["attention_mask"].tolist() == [[1, 1, 0, 0, 1], [1, 1, 1, 1, 1]]
