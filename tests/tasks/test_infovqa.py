"""InfographicVQA: figures by the server's names of the kinds; layouts and what the Hub's lacks."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.infovqa import TASK

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]
Hub = Callable[[str, Sequence[Mapping[str, object]]], Path]

ROW: Mapping[str, JSON] = {
    "questionId": 9,
    "question": "How many?",
    "answers": ["3", "three"],
    "image_local_name": "30001.jpeg",
    "answer_type": ["non span"],
    "evidence": ["photo/pciture/visual_objects", "map"],
    "operation/reasoning": ["counting"],
}


def test_both_layouts_give_identical_samples(write: Write, hub_copy: Hub, content: Content) -> None:
    path = "infovqa/infographicsVQA_val_v1.0_withQT.json"
    (sample,) = TASK.samples(write({path: {"data": [ROW]}}))
    row = {k: v for k, v in ROW.items() if k != "image_local_name"} | {"picture": "30001.jpeg"}
    root = hub_copy("infovqa/InfographicVQA/validation-00000-of-00003.parquet", [row])
    assert content([sample]) == content(list(TASK.samples(root)))
    assert sample.facts == {
        "answers": ["3", "three"],
        "answer_types": ["None span"],
        "evidence_types": ["Visual/Layout", "Map"],
        "operation_types": ["Counting"],
    }
    assert sample.cluster == "30001"


def test_the_hubs_copy_without_evidence_has_no_figure_by_evidence(hub_copy: Hub) -> None:
    left_out = ("image_local_name", "evidence")
    row = {k: v for k, v in ROW.items() if k not in left_out} | {"picture": "30001.jpeg"}
    (sample,) = TASK.samples(hub_copy("infovqa/InfographicVQA/validation-0-of-1.parquet", [row]))
    assert sample.facts["evidence_types"] == []


def test_figures_are_broken_down_along_three_axes() -> None:
    def record(text: str, **kinds: list[str]) -> Record:
        axes = ("answer_types", "evidence_types", "operation_types")
        facts: dict[str, JSON] = {axis: kinds.get(axis, []) for axis in axes}
        facts["answers"] = ["abcd"]
        sample = Sample("1", Prompt.user(Image(Path("a.png"))), "abcd", facts)
        response = Response("1", text, "stop")
        return Record(sample, response, TASK.scorer.score(sample, response))

    records = [
        record("abcd", answer_types=["Image-Span", "Multi-Span"], evidence_types=["Map"]),
        record("abxd", answer_types=["Image-Span"], operation_types=["Counting"]),
        record("x", evidence_types=["Map"]),
    ]
    assert TASK.scorer.finish(TASK.scorer.tally(records)) == pytest.approx(
        {
            "anls": 1.75 / 3,
            "answer_types/Image-Span": 0.875,
            "answer_types/Multi-Span": 1,
            "evidence_types/Map": 0.5,
            "operation_types/Counting": 0.75,
        }
    )
