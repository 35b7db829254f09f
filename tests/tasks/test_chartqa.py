"""ChartQA: both halves, five per cent of whom, layouts, broken files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.chartqa import TASK

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]
Hub = Callable[[str, Sequence[Mapping[str, object]]], Path]

HUMAN, AUGMENTED = "chartqa/test_human.json", "chartqa/test_augmented.json"


def record(text: str, target: str, half: str = "human", variant: str = TASK.primary) -> Record:
    prompt = Prompt.user(Image(Path("a.png")))
    sample = Sample("1", prompt, target, {"answers": [target]}, {"split": half})
    response = Response("1", text, "stop")
    return Record(sample, response, TASK.variants[variant].score(sample, response))


def test_each_harness_has_its_own_idea_of_near() -> None:
    cases = {"21": "20", " Yes": "yes", "0": "1", "105.2": "100", "96": "100.8"}
    right = {
        variant: [
            t
            for t, target in cases.items()
            if record(t, target, "human", variant).score.values["correct"]
        ]
        for variant in TASK.variants
    }
    assert right == {
        "pix2struct": ["21", "96"],
        "lmms_eval": ["21", "96"],
        "vlmevalkit": ["21", " Yes", "96"],
        "qwen_vl_swapped_arguments": ["21", " Yes", "105.2", "96"],
    }


def test_the_headline_is_over_all_questions_not_over_the_halves() -> None:
    scorer = TASK.scorer
    records = [record("1", "1"), *[record("1", t, "augmented") for t in ("1", "x", "y")]]
    assert scorer.finish(scorer.tally(records)) == pytest.approx(
        {"accuracy": 50, "split/human": 100, "split/augmented": 100 / 3, "average_of_two": 200 / 3}
    )


def test_both_layouts_give_identical_samples(write: Write, hub_copy: Hub, content: Content) -> None:
    def row(name: str, label: str) -> dict[str, JSON]:
        return {"imgname": name, "query": f"How many in {name}?", "label": label}

    files: dict[str, JSON] = {
        HUMAN: [row("7.png", "14"), row("7.png", "15")],
        AUGMENTED: [row("two.png", "yes")],
    }
    copied = [
        {"type": f"{half}_test", "question": f"How many in {n}?", "answer": a, "picture": n}
        for half, n, a in (
            ("human", "7.png", "14"),
            ("human", "7.png", "15"),
            ("augmented", "two.png", "yes"),
        )
    ]
    samples = list(TASK.samples(write(files)))
    root = hub_copy("chartqa/data/test-00000-of-00001.parquet", copied)
    assert content(samples) == content(list(TASK.samples(root)))
    assert [s.question_id for s in samples] == ["human/1", "human/2", "augmented/1"]
    assert [s.cluster for s in samples] == ["7.png", "7.png", "two.png"]
    assert samples[0].prompt.text == "How many in 7.png?\nAnswer the question with a single word."


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"imgname": "a.png", "query": "q"}, "test_human.json:1: 'label' is missing"),
        ({"imgname": "a.png", "query": "q", "label": 3}, "'label' must be text, got 3"),
        ({"imgname": "/a.png", "query": "q", "label": "3"}, "path '/a.png' leaves the data root"),
    ],
)
def test_broken_files_are_named(write: Write, row: dict[str, JSON], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        list(TASK.samples(write({HUMAN: [row]})))
